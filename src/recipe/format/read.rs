//! Reading a recipe, and checking all of it before any of it is used: form, names, defaults, templates.
//! Pure.

use crate::complaint::{Code, Complaint};
use crate::recipe::format::fields::is_name;
use crate::recipe::format::fields::{Application, Proves, Recipe, RecipeCheck};
use crate::recipe::format::validate;
use crate::recipe::input::render;

impl Recipe {
    /// Reads a recipe and checks all of it; `from` names its file.
    ///
    /// # Errors
    /// `bad_recipe`, with line and column where the form is wrong.
    pub(crate) fn parse(text: &str, from: &str) -> Result<Self, Complaint> {
        let recipe: Self = serde_saphyr::from_str(text).map_err(|error| {
            Complaint::new(Code::BadRecipe, format!("cannot use {from}"))
                .details(&error.to_string())
                .hint("docs/recipes.md lists the fields of a recipe")
        })?;
        recipe.check(from)?;
        Ok(recipe)
    }

    /// Checks what the form alone does not say: names, defaults, templates.
    ///
    /// # Errors
    /// `bad_recipe`.
    pub(crate) fn check(&self, from: &str) -> Result<(), Complaint> {
        let wrong = |text: String| {
            Complaint::new(Code::BadRecipe, format!("cannot use {from}: {text}"))
                .hint("docs/recipes.md lists the fields of a recipe")
        };
        if !is_name(&self.name) {
            return Err(wrong(format!("{:?} is not a name", self.name)));
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            parameter.check().map_err(&wrong)?;
            let twice = self.parameters[..index].iter();
            if twice.clone().any(|other| other.name == parameter.name) {
                return Err(wrong(format!(
                    "the parameter {} is there twice",
                    parameter.name
                )));
            }
        }
        for change in self.applications.values().flat_map(|a| &a.changes) {
            let place = match (&change.env, &change.path, &change.file) {
                (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
                _ => Err("a change has either env, or path and file"),
            };
            place.map_err(|text| wrong(text.to_owned()))?;
            let ways = [change.value.is_some(), change.remove, change.generated];
            if ways.into_iter().filter(|way| *way).count() != 1 {
                let text = "a change has one of value, remove: true and generated: true";
                return Err(wrong(text.to_owned()));
            }
            if change.generated && change.env.is_none() {
                return Err(wrong("generated: true needs env".to_owned()));
            }
        }
        for check in self.applications.values().flat_map(|a| &a.checks) {
            check.check().map_err(|text| wrong(text.to_owned()))?;
        }
        let profiles: Vec<&str> = crate::profile::names().collect();
        validate::check(self, &profiles).map_err(&wrong)?;
        render::check(self).map_err(wrong)
    }

    /// What is done for an application: its own part, or the one for all that are not known.
    pub(crate) fn of(&self, profile: &str) -> Option<&Application> {
        let own = self.applications.get(profile);
        own.or_else(|| self.applications.get(crate::profile::GENERIC))
    }
}

impl RecipeCheck {
    /// Each kind of check has fields of its own.
    fn check(&self) -> Result<(), &'static str> {
        let wanted = match self.proves {
            Proves::SessionLasts => (true, false),
            Proves::CookieFits => (false, true),
            Proves::OpenWithoutLogin | Proves::SessionSurvives => (false, false),
        };
        let stray = self.same_site.is_some() && self.proves != Proves::CookieFits;
        match (self.seconds.is_some(), self.secure.is_some()) == wanted && !stray {
            true => Ok(()),
            false => Err(
                "a check has seconds for session_lasts, secure and same_site for cookie_fits, and \
                 neither for the others",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name: x\ntitle: T\naim: A\napplications:\n  generic:\n    changes:\n      - {env: A, value: \"{{ n }}\"}\n";

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = Recipe::parse("name: x\ntitel: T\n", "x.yaml").unwrap_err();
        let details = error.details.join("\n");
        assert!(
            details.contains("titel") && details.contains("line 2"),
            "{details}"
        );
        let error = Recipe::parse(SMALL, "x.yaml").unwrap_err();
        assert!(error.text.contains("n is not a parameter"), "{error}");
        let with = format!("{SMALL}parameters: [{{name: n, type: bool, about: a}}]\n");
        assert!(Recipe::parse(&with, "x.yaml").is_ok());
        let broken = with.replace("{{ n }}", "{{ n");
        let error = Recipe::parse(&broken, "x.yaml").unwrap_err();
        assert!(error.text.contains("{{ n"), "{error}");
        let both = with.replace("{env: A,", "{env: A, path: b,");
        assert!(Recipe::parse(&both, "x.yaml").is_err());
        let check = |check: &str| {
            let with = with.replace(
                "    changes:",
                &format!("    checks: [{{{check}}}]\n    changes:"),
            );
            Recipe::parse(&with, "x.yaml").is_ok()
        };
        assert!(check("proves: session_lasts, seconds: 5"));
        assert!(check("proves: cookie_fits, secure: 'true'"));
        assert!(!check("proves: session_lasts"));
        assert!(!check("proves: cookie_fits, same_site: lax"));
        assert!(!check("proves: session_survives, seconds: 5"));
    }
}
