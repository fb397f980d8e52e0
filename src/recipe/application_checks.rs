//! What is to be seen of the application after a recipe: its checks with their values, and the
//! account to sign in with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::using::Using;
use crate::complaint::{Code, Complaint};
use crate::health::check::{Check, Credentials, NewAccount, Proofs};
use crate::health::set_cookie::SameSite;
use crate::recipe::format::fields::{self, Proves};
use crate::recipe::input::params::ParameterValue;
use crate::recipe::input::render::Filling;
use crate::recipe::key_target::{Edits, text};
use crate::secret::Secret;
use crate::secret::generate::Generate;

/// The proofs of a recipe's use.
///
/// # Errors
/// `bad_recipe`.
pub(super) fn of(
    using: &Using<'_>,
    filling: &Filling,
    configured: &BTreeMap<String, String>,
    account: Option<NewAccount>,
) -> Result<Proofs, Complaint> {
    let profile = &using.subject.profile;
    let mut checks = Vec::new();
    for check in &using.application.checks {
        if !filling.holds(&check.when)? {
            continue;
        }
        checks.push(of_check(check, filling)?);
    }
    let made = account.as_ref().zip(using.values.get("email"));
    let made = made.and_then(|(account, email)| match email {
        ParameterValue::Word(user) => Some(Credentials {
            user: user.clone(),
            password: account.password.clone(),
        }),
        ParameterValue::Duration(_)
        | ParameterValue::Size(_)
        | ParameterValue::Bool(_)
        | ParameterValue::Secret(_) => None,
    });
    let credentials = using.wanted.sign_in.clone().or(made);
    Ok(Proofs {
        service: using.subject.service.clone(),
        port: profile.port,
        open: profile.open.clone(),
        credentials: credentials.or_else(|| of_profile(using, configured)),
        sign_in: profile.sign_in.clone(),
        account,
        checks,
    })
}

fn of_check(check: &fields::RecipeCheck, filling: &Filling) -> Result<Check, Complaint> {
    let text = |template: &Option<String>| filling.text(template.as_deref().unwrap_or_default());
    let wrong = |text: &str| Complaint::new(Code::BadRecipe, text);
    Ok(match check.proves {
        Proves::OpenWithoutLogin => Check::OpenWithoutLogin,
        Proves::SessionSurvives => Check::SessionSurvives,
        Proves::SessionLasts => {
            let seconds = text(&check.seconds)?.trim().parse();
            let seconds =
                seconds.map_err(|_| wrong("session_lasts needs a whole number of seconds"))?;
            Check::SessionLasts(Duration::from_secs(seconds))
        }
        Proves::CookieFits => {
            let secure = text(&check.secure)?.trim().parse();
            Check::CookieFits {
                secure: secure.map_err(|_| wrong("cookie_fits needs secure, true or false"))?,
                same_site: SameSite::of_word(&text(&check.same_site)?),
            }
        }
    })
}

/// The account that the stack's own env file holds.
fn of_profile(using: &Using<'_>, configured: &BTreeMap<String, String>) -> Option<Credentials> {
    let keys = using.subject.profile.sign_in.as_ref()?.account.as_ref()?;
    let user = configured.get(&keys.user).or(keys.default_user.as_ref())?;
    Some(Credentials {
        user: user.clone(),
        password: Secret::new(configured.get(&keys.password)?.clone()),
    })
}

/// The account that the recipe makes. A password that nobody gave is made up once, and kept in the
/// env file by one more of `edits`; without them there is no account then.
///
/// # Errors
/// `bad_recipe`.
pub(super) fn account(
    using: &Using<'_>,
    filling: &Filling,
    configured: &BTreeMap<String, String>,
    edits: Option<&mut Edits>,
) -> Result<Option<NewAccount>, Complaint> {
    let Some(account) = &using.application.account else {
        return Ok(None);
    };
    if !filling.holds(&account.when)? {
        return Ok(None);
    }
    let words = account.command.iter().map(|word| filling.text(word));
    let password = match using.values.get("account-password") {
        Some(ParameterValue::Secret(password)) => password.clone(),
        _ => match (configured.get(&account.keep), edits) {
            (Some(kept), _) => Secret::new(kept.clone()),
            (None, Some(edits)) => {
                let made = Generate::Alnum(24).value()?;
                let file = using.place.located.first_env_file();
                if let Some(ParameterValue::Word(name)) = using.values.get("email") {
                    edits.add(Some(file.clone()), &account.keep_name, text(name));
                }
                edits.add(Some(file), &account.keep, text(made.expose()));
                made
            }
            (None, None) => return Ok(None),
        },
    };
    Ok(Some(NewAccount {
        command: words.collect::<Result<_, _>>()?,
        password,
        exists: account.exists.clone(),
    }))
}
