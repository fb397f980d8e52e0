//! Which steps an upgrade passes, by the versions that it goes from and to. Pure.

use super::format::{Profile, UpgradeStep, WayBackSwitch};
use super::version::{is_since, numbers};

/// To which side a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heading {
    /// To a later version, or to one that is not known.
    Up,
    /// To an earlier one.
    Down,
}

/// The steps on the way from one version to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed<'p> {
    /// These, in order.
    Steps(Heading, Vec<&'p UpgradeStep>),
    /// One of the versions is not known, and these may be.
    NotKnown(Vec<&'p UpgradeStep>),
}

impl Profile {
    /// What is passed on the way from one version to another.
    pub(crate) fn passed(&self, from: Option<&str>, to: Option<&str>) -> Passed<'_> {
        let steps = self.upgrades.iter();
        if let (Some(from), Some(to)) = (from, to) {
            let heading = match numbers(from) > numbers(to) {
                true => Heading::Down,
                false => Heading::Up,
            };
            let (low, high) = match heading {
                Heading::Up => (from, to),
                Heading::Down => (to, from),
            };
            let is_between =
                |step: &&UpgradeStep| !is_since(low, &step.to) && is_since(high, &step.to);
            let mut passed: Vec<&UpgradeStep> = steps.filter(is_between).collect();
            passed.sort_by_key(|step| numbers(&step.to));
            if heading == Heading::Down {
                passed.reverse();
            }
            return Passed::Steps(heading, passed);
        }
        let may_be = |step: &&UpgradeStep| {
            from.is_none_or(|from| !is_since(from, &step.to))
                && to.is_none_or(|to| is_since(to, &step.to))
        };
        Passed::NotKnown(steps.filter(may_be).collect())
    }
}

/// What keeps a step from being one, in a sentence.
pub(super) fn contradiction(step: &UpgradeStep) -> Option<String> {
    let UpgradeStep {
        from,
        to,
        way_back,
        lost,
        keeps_way_back,
        once,
        ..
    } = step;
    let is_switch = |switch: &WayBackSwitch| {
        switch.file.is_some() == switch.path.is_some()
            && (switch.key.is_some() || switch.file.is_some())
    };
    let wrong = if is_since(from, to) {
        "does not go up"
    } else if *way_back && (lost.is_some() || !keeps_way_back.is_empty()) {
        "has a way back, and loses something"
    } else if !*way_back && lost.is_none() {
        "has no way back, and does not say why"
    } else if !keeps_way_back.iter().all(is_switch) {
        "has a switch without a key and without a path in a file"
    } else if once.as_ref().is_some_and(|once| once.command.is_empty()) {
        "runs nothing once"
    } else {
        return None;
    };
    Some(format!("upgrades: {from} to {to} {wrong}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(name: &str) -> &'static Profile {
        let all = crate::profile::all().unwrap();
        all.iter().find(|profile| profile.name == name).unwrap()
    }

    fn told(name: &str, from: Option<&str>, to: Option<&str>) -> String {
        let to_words = |steps: &[&UpgradeStep]| {
            let steps: Vec<&str> = steps.iter().map(|step| step.to.as_str()).collect();
            steps.join(" ")
        };
        match profile(name).passed(from, to) {
            Passed::Steps(heading, steps) => format!("{heading:?} {}", to_words(&steps)),
            Passed::NotKnown(steps) => format!("? {}", to_words(&steps)),
        }
    }

    #[test]
    fn an_upgrade_passes_each_step_between_its_versions_in_order() {
        for (from, to, expected) in [
            ("v0.8.7", "v0.8.9", "Up 0.8.8 0.8.9"),
            ("0.8.6", "0.8.7", "Up "),
            ("0.8.8", "0.8.9-rc1", "Up 0.8.9"),
            ("0.8.9-rc1", "0.8.9", "Up "),
            ("0.8.9", "0.8.9", "Up "),
            ("0.9.1", "0.8.7", "Down 0.8.9 0.8.8"),
            ("0.8.9", "0.8.8", "Down 0.8.9"),
        ] {
            let found = told("librechat", Some(from), Some(to));
            assert_eq!(found, expected, "{from} {to}");
        }
        let found = told("open-webui", Some("0.11.4"), Some("v0.12.4"));
        assert_eq!(found, "Up 0.12");
    }

    #[test]
    fn what_is_not_known_is_no_step_that_is_not_passed() {
        for (from, to, expected) in [
            (None, None, "? 0.8.8 0.8.9"),
            (Some("0.8.8"), None, "? 0.8.9"),
            (Some("0.8.9"), None, "? "),
            (None, Some("0.8.8"), "? 0.8.8"),
            (None, Some("0.8.7"), "? "),
        ] {
            assert_eq!(told("librechat", from, to), expected, "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_step_that_says_two_things_is_none() {
        let step = |more: &str| {
            let text = format!("{{from: '1.0', to: '1.1', source: x, {more}}}");
            serde_saphyr::from_str::<UpgradeStep>(&text).unwrap()
        };
        assert_eq!(contradiction(&step("")), None);
        let wrong = |more: &str| contradiction(&step(more)).unwrap();
        assert!(wrong("way_back: false").contains("does not say why"));
        assert!(wrong("lost: data").contains("loses something"));
        assert!(wrong("once: {command: [], about: x}").contains("runs nothing"));
        let switch = "way_back: false, lost: x, keeps_way_back";
        assert!(wrong(&format!("{switch}: [{{value: a}}]")).contains("switch"));
        assert!(wrong(&format!("{switch}: [{{file: f, value: a}}]")).contains("switch"));
    }

    #[test]
    fn a_field_that_nobody_knows_is_told_with_its_place() {
        let text = "from: '1.0'\nto: '1.1'\nsource: x\nwayback: false\n";
        let error = serde_saphyr::from_str::<UpgradeStep>(text).unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("wayback") && told.contains("line 4"),
            "{told}"
        );
    }

    proptest! {
        /// Whoever goes in two strides passes what he passes in one, and back the same.
        #[test]
        fn strides_add_up(a in 0_u8..14, b in 0_u8..14, c in 0_u8..14) {
            let mut versions = [a, b, c].map(|n| format!("0.8.{n}"));
            versions.sort_by_key(|version| numbers(version));
            let [low, middle, high] = &versions;
            let profile = profile("librechat");
            let steps = |from: &str, to: &str| match profile.passed(Some(from), Some(to)) {
                Passed::Steps(_, steps) => steps,
                Passed::NotKnown(_) => panic!("both are known"),
            };
            let both = [steps(low, middle), steps(middle, high)].concat();
            prop_assert_eq!(&both, &steps(low, high));
            let mut back = steps(high, low);
            back.reverse();
            prop_assert_eq!(both, back);
        }
    }
}
