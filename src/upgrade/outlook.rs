//! What an unattended upgrade comes to that finds nothing to do: well, or a failure that somebody has to hear
//! of. Pure.

use crate::complaint::{Code, Complaint};
use crate::event::{NoteCode, Unanswered};

/// What was known before it began, and speaks against calling it well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook {
    /// Services that are not as an earlier run left them.
    pub unwell: Option<Complaint>,
    /// None has succeeded for too long.
    pub stale: Option<Complaint>,
}

/// Why it is a failure although there is nothing to do; `skipped`: what there is was not taken.
///
/// A registry that does not answer for a night is no failure; one that refuses the login stays so until
/// somebody logs in.
pub(crate) fn refusal(
    unanswered: &[Unanswered],
    skipped: Option<NoteCode>,
    outlook: &Outlook,
) -> Option<Complaint> {
    let comes_to_nothing = !unanswered.is_empty() || skipped == Some(NoteCode::FailedBefore);
    let stale = outlook.stale.iter().filter(|_| comes_to_nothing);
    let causes = outlook.unwell.iter().cloned().chain(denied(unanswered));
    sum(causes.chain(stale.cloned()))
}

/// That registries refuse the login: a failure also where something newer comes from elsewhere.
pub(crate) fn denied(unanswered: &[Unanswered]) -> Option<Complaint> {
    let denied = unanswered
        .iter()
        .filter(|one| one.code == Code::RegistryDenied);
    sum(denied.map(|one| {
        let complaint = Complaint::new(one.code, one.text.clone());
        match &one.hint {
            Some(hint) => complaint.hint(hint.clone()),
            None => complaint,
        }
    }))
}

/// Several in one: the first one's code, and all their texts.
fn sum(mut causes: impl Iterator<Item = Complaint>) -> Option<Complaint> {
    let first = causes.next()?;
    Some(causes.fold(first, |sum, next| Complaint {
        text: format!("{}; {}", sum.text, next.text),
        hint: sum.hint.or(next.hint),
        ..sum
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered(code: Code) -> Unanswered {
        Unanswered {
            code,
            images: vec!["h/a".to_owned()],
            text: format!("h: {}", code.word()),
            hint: Some("docker login h".to_owned()),
        }
    }

    #[test]
    fn a_refused_login_is_a_failure_at_once_and_a_silent_registry_after_days() {
        let usual = Outlook::default();
        let stale = Outlook {
            stale: Some(Complaint::new(Code::Stale, "for 7 days")),
            ..Outlook::default()
        };
        let down = [unanswered(Code::RegistryUnreachable)];
        let denied = [
            unanswered(Code::RegistryUnreachable),
            unanswered(Code::RegistryDenied),
        ];
        let of = |unanswered: &[Unanswered], skipped, outlook: &Outlook| {
            refusal(unanswered, skipped, outlook).map(|complaint| (complaint.code, complaint.text))
        };
        assert_eq!(of(&[], None, &usual), None);
        assert_eq!(of(&down, None, &usual), None);
        let refused = of(&denied, None, &usual).unwrap();
        assert_eq!(
            refused,
            (Code::RegistryDenied, "h: registry_denied".to_owned())
        );
        assert_eq!(of(&down, None, &stale).unwrap().0, Code::Stale);
        let both = of(&denied, None, &stale).unwrap();
        assert_eq!(both.1, "h: registry_denied; for 7 days");
        // Tonight everything was asked, and there is nothing.
        assert_eq!(of(&[], None, &stale), None);
        // A version that failed waits for a newer one, and for how long is a matter of days as well.
        assert_eq!(of(&[], Some(NoteCode::FailedBefore), &usual), None);
        assert_eq!(
            of(&[], Some(NoteCode::FailedBefore), &stale).unwrap().0,
            Code::Stale
        );
        // What somebody rolled back is left alone for as long as they like.
        assert_eq!(of(&[], Some(NoteCode::UndoneBefore), &stale), None);
        let unwell = Outlook {
            unwell: Some(Complaint::new(Code::Unhealthy, "web is down")),
            ..Outlook::default()
        };
        assert_eq!(of(&[], None, &unwell).unwrap().0, Code::Unhealthy);
    }
}
