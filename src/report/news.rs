//! What an upgrade finds, as a person reads it before the plan.

use super::style::Style;
use crate::event::{CheckoutNews, EnvNews, ImageNews, News, SampleKey};

/// Subjects of commits are cut at this.
const SUBJECT: usize = 72;

/// All of it; `verbose` with the comments of new keys.
pub(super) fn lines(news: &News, style: &Style, verbose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(checkout) = &news.checkout {
        lines.extend(of_checkout(checkout));
    }
    lines.extend(news.images.iter().map(of_image));
    if let Some(env) = &news.env {
        lines.extend(of_env(env, style, verbose));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn of_checkout(news: &CheckoutNews) -> Vec<String> {
    let commits = match (news.commits, news.older) {
        (0, Some(1)) => "1 commit older".to_owned(),
        (0, Some(count)) => format!("{count} commits older"),
        (0, None) => "another commit".to_owned(),
        (1, _) => "1 new commit".to_owned(),
        (count, _) => format!("{count} new commits"),
    };
    let tags = match news.tags.as_slice() {
        [] => String::new(),
        tags => format!(", {}", tags.join(", ")),
    };
    let mut lines = vec![format!("{}: {commits}{tags}", news.target)];
    let subjects = match (&news.oldest, &news.newest) {
        (Some(oldest), Some(newest)) if news.commits > 1 => {
            vec![("from", oldest), ("to", newest)]
        }
        (_, Some(newest)) => vec![("", newest)],
        _ => Vec::new(),
    };
    for (word, subject) in subjects {
        lines.push(format!("  {word:<4}  {}", cut(subject)));
    }
    if !news.files.is_empty() {
        lines.push(format!(
            "  changes project files: {}",
            news.files.join(", ")
        ));
    }
    lines
}

fn cut(subject: &str) -> String {
    let plain = crate::text::line(subject);
    match plain.char_indices().nth(SUBJECT) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}

fn of_image(news: &ImageNews) -> String {
    let short = |digest: &str| {
        let hex = digest.rsplit_once(':').map_or(digest, |(_, hex)| hex);
        hex.get(..12).unwrap_or(hex).to_owned()
    };
    let (service, name) = (&news.service, &news.name);
    // Digests of different images have nothing to do with each other.
    if let Some(was) = &news.was {
        return format!("{service}: {was} → {name}");
    }
    if let Some(versions) = news.versions() {
        return format!("{service}: {name} {}", crate::text::line(&versions));
    }
    let from = news.from.as_deref().map_or("none".to_owned(), short);
    format!("{service}: {name} {from} → {}", short(&news.to))
}

fn of_env(news: &EnvNews, style: &Style, verbose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for key in &news.added {
        if verbose {
            lines.extend(
                key.comment
                    .iter()
                    .map(|line| format!("  {}", style.dim(line))),
            );
        }
        lines.push(format!("  new        {}", assigned(key)));
    }
    for key in &news.options {
        lines.push(format!("  optional   {}", assigned(key)));
    }
    let lists = [
        ("changed", &news.changed, "has a new default".to_owned()),
        (
            "gone",
            &news.removed,
            format!("is set here, and no longer in {}", news.sample),
        ),
        (
            "published",
            &news.published,
            format!("is set to the public default from {}", news.sample),
        ),
        ("required", &news.required, "needs a value".to_owned()),
    ];
    for (word, keys, text) in lists {
        lines.extend(keys.iter().map(|key| format!("  {word:<9}  {key} {text}")));
    }
    if !lines.is_empty() {
        let hint = match news.added.is_empty() {
            true => String::new(),
            false => " (refit upgrade --merge-env appends the new keys)".to_owned(),
        };
        lines.insert(0, format!("{}:{hint}", news.sample));
    }
    lines
}

fn assigned(key: &SampleKey) -> String {
    match &key.default {
        Some(default) => format!("{}={default}", key.key),
        None => format!("{}={}", key.key, crate::secret::HIDDEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_by_its_names_its_versions_or_its_digests() {
        let mut news = ImageNews {
            service: "web".into(),
            name: "r/b:2".to_owned(),
            from: Some("sha256:aaaaaaaaaaaaaaaaaa".to_owned()),
            to: "sha256:bbbbbbbbbbbbbbbbbb".to_owned(),
            was: None,
            from_version: None,
            to_version: Some("0.12.4".to_owned()),
            release_notes: Some("https://r/b/releases".to_owned()),
        };
        assert_eq!(of_image(&news), "web: r/b:2 aaaaaaaaaaaa → bbbbbbbbbbbb");
        news.from_version = Some("0.11.4".to_owned());
        let told = "web: r/b:2 0.11.4 → 0.12.4 (release notes: https://r/b/releases)";
        assert_eq!(of_image(&news), told);
        news.was = Some("r/a:1".to_owned());
        assert_eq!(of_image(&news), "web: r/a:1 → r/b:2");
    }
}
