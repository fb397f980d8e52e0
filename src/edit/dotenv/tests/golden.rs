//! Every text of the golden file reads as Compose was seen to read it (F36).

use std::collections::BTreeMap;
use std::path::Path;

use crate::edit::dotenv::{Dotenv, Format};

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    env: Option<BTreeMap<String, String>>,
    #[serde(default)]
    error: bool,
}

#[test]
fn reads_as_compose_reads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/dotenv-golden.json");
    let Ok(json) = std::fs::read_to_string(&path) else {
        println!("skipped: there is no {}", path.display());
        return;
    };
    let cases: Vec<Case> = serde_json::from_str(&json).unwrap();
    assert!(cases.len() >= 100);
    let mut wrong = Vec::new();
    for case in cases {
        let file = Dotenv::parse(case.text.as_bytes(), Format::Compose).unwrap();
        let read = file.read(&|_| None);
        let got = read.clone().ok().map(|entries| {
            entries
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect()
        });
        if got != case.env || got.is_some() == case.error {
            wrong.push(format!(
                "{:?}: {read:?}, Compose: {:?}",
                case.text, case.env
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
