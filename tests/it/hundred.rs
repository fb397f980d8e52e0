//! A stack with a hundred services: exactly the one that is reached is planned and touched.

use std::fmt::Write as _;

use crate::stack::{TestStack, idle};

#[test]
fn of_a_hundred_services_one_is_touched() {
    let mut compose = String::from("services:\n");
    let mut files = Vec::new();
    for number in 0..100 {
        let web = idle(&format!(
            "env_file: {number}.env, scale: \"${{N{number}:-0}}\""
        ));
        writeln!(compose, "  s{number:02}: {web}").unwrap();
        files.push((format!("{number}.env"), format!("A={number}\n")));
    }
    // A few of them run: a hundred containers prove no more, and take a minute to be made.
    let up = "N3=1\nN41=1\nN42=1\nN43=1\nN77=1\n";
    files.push((".env".to_owned(), up.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (&**n, &**t)).collect();
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.containers();
    assert_eq!(before.len(), 5);
    let args = ["--json", "set", "A=new", "-F", "42.env"];
    let answer = stack.refit(&[&args[..], &["--dry-run"]].concat()).exits(0);
    let answer = answer.plans(&[("s42", "recreate")]);
    let untouched = answer.the("plan")["untouched"].as_array().unwrap().len();
    assert_eq!(untouched, 99, "{answer}");

    stack.refit(&args).exits(0).plans(&[("s42", "recreate")]);
    let after = stack.containers();
    assert_eq!(after.len(), 5);
    for (service, old) in &before {
        if service == "s42" {
            old.was_recreated(&after[service]);
            assert_eq!(after[service].env["A"], "new");
        } else {
            old.is_untouched(&after[service]);
        }
    }
    let answer = stack.refit(&["set", "A=newer", "-F", "42.env", "--dry-run"]);
    answer.exits(0).says("and 91 more (-v shows them)");
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
}
