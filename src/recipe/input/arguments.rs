//! What was typed after a recipe's name, looked at before anything is asked for: a word that is no
//! parameter must not turn into a prompt. Pure.

use crate::complaint::{Code, Complaint};
use crate::recipe::format::fields::{Parameter, Recipe, Type};
use crate::suggest::nearest;

/// Checks that each word is `NAME=VALUE`, or the name alone of a parameter whose value comes from
/// elsewhere.
///
/// # Errors
/// `usage`, `unknown_parameter`.
pub(crate) fn check(recipe: &Recipe, words: &[String]) -> Result<(), Complaint> {
    for word in words {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        if name.is_empty() {
            let text = format!("{word} has no name in front of its =");
            return Err(Complaint::new(Code::Usage, text).hint(explained(recipe)));
        }
        if recipe.parameters.iter().any(|known| known.name == name) {
            continue;
        }
        let meant = option(word).or_else(|| meant(recipe, word));
        let meant = meant.map(|meant| format!("; did you mean {meant}?"));
        let text = format!("{} has no {name}{}", recipe.name, meant.unwrap_or_default());
        return Err(Complaint::new(Code::UnknownParameter, text).hint(explained(recipe)));
    }
    Ok(())
}

/// Where the parameters are explained.
fn explained(recipe: &Recipe) -> String {
    format!("refit recipes {} explains them", recipe.name)
}

/// Options of the command, which people write as parameters.
fn option(word: &str) -> Option<String> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let known = ["bind", "service", "sign-in", "allow"].contains(&name);
    known.then(|| format!("--{name} {value}").trim_end().to_owned())
}

/// A name that is spelt nearly so; for a word alone, the parameter that takes it as a value.
fn meant(recipe: &Recipe, word: &str) -> Option<String> {
    let names = recipe.parameters.iter().map(|known| known.name.as_str());
    let Some((name, value)) = word.split_once('=') else {
        let takes = recipe.parameters.iter().find(|parameter| {
            let typed = matches!(
                parameter.kind,
                Type::Choice | Type::Duration | Type::Size | Type::Bool
            );
            typed && parameter.read(word).is_ok()
        });
        let takes = takes.map(|parameter| format!("{}={word}", parameter.name));
        return takes.or_else(|| Some(nearest(word, names)?.to_owned()));
    };
    let near = nearest(name, names)?;
    // A value may be secret, and is not said again.
    let secret = |known: &&Parameter| known.kind == Type::Secret;
    let known = recipe.parameters.iter().find(|known| known.name == near);
    match known.filter(secret) {
        Some(_) => Some(near.to_owned()),
        None if crate::secret::is_secret(name, value) => Some(near.to_owned()),
        None => Some(format!("{near}={value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::format::catalogue::Catalogue;

    fn said(recipe: &str, word: &str) -> String {
        let catalogue = Catalogue::built_in().unwrap();
        let recipe = &catalogue.find(recipe).unwrap().recipe;
        let error = check(recipe, &[word.to_owned()]).unwrap_err();
        error.text
    }

    #[test]
    fn a_value_without_its_name_is_answered_with_both() {
        let said_of = |recipe, word, meant: &str| {
            let text = said(recipe, word);
            assert!(
                text.ends_with(&format!("; did you mean {meant}?")),
                "{text}"
            );
        };
        said_of("stay-signed-in", "7d", "for=7d");
        said_of("session-store", "redis", "store=redis");
        said_of("cookies", "https", "scheme=https");
        said_of("session-store", "stor", "store");
        said_of("stay-signed-in", "fro=7d", "for=7d");
        said_of("no-login", "acount-password=hunter2", "account-password");
        said_of("no-login", "bind=127.0.0.1", "--bind 127.0.0.1");
        assert_eq!(said("cookies", "quux"), "cookies has no quux");
        assert_eq!(
            said("cookies", "=lax"),
            "=lax has no name in front of its ="
        );
    }

    #[test]
    fn what_there_is_passes() {
        let catalogue = Catalogue::built_in().unwrap();
        let recipe = &catalogue.find("session-store").unwrap().recipe;
        let words = ["store=redis", "url"].map(str::to_owned);
        assert!(check(recipe, &words).is_ok());
    }
}
