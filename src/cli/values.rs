//! Setting and removing keys: where the values come from, and what is typed of them into the record.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Global;
use super::runs::{RunArgs, execute};
use crate::assess::edit_target::is_compose_path;
use crate::assess::edits::is_yaml;
use crate::complaint::{Code, Complaint};
use crate::edit::yaml::YamlPath;
use crate::exit::Exit;
use crate::request::{Edit, EditRequest, Kind, To, What};
use crate::secret::Secret;
use crate::secret::generate::Generate;

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// KEY=VALUE, or KEY alone to read the value from standard input
    #[arg(required = true, value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Env file or YAML file; without it the stack's first env file, or for a path such as
    /// services.web.image the compose file where the change belongs
    #[arg(id = "in", short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Make a random value: hex:BYTES, base64:BYTES or alnum:LETTERS
    #[arg(long, value_name = "KIND:SIZE")]
    generate: Option<Generate>,
    /// Make the key reach this service as well; may be given several times
    #[arg(long = "for", value_name = "SERVICE")]
    reach: Vec<String>,
    /// In a YAML file: write text, whatever it looks like
    #[arg(long, conflicts_with_all = ["int", "as_json"])]
    string: bool,
    /// In a YAML file: write a whole number
    #[arg(long, conflicts_with = "as_json")]
    int: bool,
    /// In a YAML file: the value is JSON, such as a list or a map
    #[arg(long)]
    as_json: bool,
    /// Edit the files only; refit apply brings the engine in line later
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Args)]
pub(super) struct UnsetArgs {
    /// Keys, or paths in a YAML file
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// Env file or YAML file; without it the stack's first env file
    #[arg(id = "in", short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Edit the files only; refit apply brings the engine in line later
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn set(global: &Global, args: SetArgs) -> Result<Exit, Complaint> {
    let kind = match (args.string, args.int, args.as_json) {
        (true, ..) => Kind::String,
        (_, true, _) => Kind::Int,
        (.., true) => Kind::Json,
        _ => Kind::Auto,
    };
    let paths = args.assignments.iter().any(|word| is_compose_path(word));
    let yaml = args.file.as_deref().map_or(paths, is_yaml);
    if kind != Kind::Auto && !yaml {
        return Err(Complaint::new(
            Code::Usage,
            "--string, --int and --as-json are for YAML files",
        )
        .hint("name the file: -F compose.yaml"));
    }
    let mut stdin_taken = false;
    let mut edits = Vec::new();
    for word in &args.assignments {
        let (key, value) = split(word, yaml)?;
        let value = match (value, args.generate) {
            (Some(_), Some(_)) => {
                return Err(
                    Complaint::new(Code::Usage, format!("{key} has a value already"))
                        .hint("with --generate, give the key alone"),
                );
            }
            (Some(value), None) => Secret::new(value),
            (None, Some(generate)) => generate.value()?,
            (None, None) if stdin_taken => {
                return Err(Complaint::new(
                    Code::Usage,
                    "only one value can come from standard input",
                )
                .hint(format!("give {key} its value: {key}=VALUE")));
            }
            (None, None) => {
                stdin_taken = true;
                read_value(&key)?
            }
        };
        edits.push(Edit {
            key,
            to: To::Set(value, kind),
        });
    }
    for (index, edit) in edits.iter().enumerate() {
        let again = edits[..index].iter().any(|other| other.key == edit.key);
        if again && !edit.key.ends_with("[+]") {
            let text = format!("{} is given twice", edit.key);
            return Err(Complaint::new(Code::Usage, text).hint("give each key once"));
        }
    }
    let reach = super::service_names(&args.reach);
    edit(global, args.file, edits, reach, args.no_apply, &args.run).await
}

pub(super) async fn unset(global: &Global, args: UnsetArgs) -> Result<Exit, Complaint> {
    let edits = args
        .keys
        .into_iter()
        .map(|key| Edit { key, to: To::Unset })
        .collect();
    edit(
        global,
        args.file,
        edits,
        Vec::new(),
        args.no_apply,
        &args.run,
    )
    .await
}

async fn edit(
    global: &Global,
    file: Option<PathBuf>,
    edits: Vec<Edit>,
    reach: Vec<crate::event::ServiceName>,
    no_apply: bool,
    run: &RunArgs,
) -> Result<Exit, Complaint> {
    let mut options = run.options();
    options.no_apply = no_apply;
    let what = What::Edit(EditRequest { file, edits, reach });
    execute(global, what, options).await
}

fn split(word: &str, yaml: bool) -> Result<(String, Option<String>), Complaint> {
    if yaml {
        let (path, value) = YamlPath::parse_assignment(word)
            .map_err(|error| Complaint::new(error.code(), error.to_string()).hint(error.hint()))?;
        return Ok((path.to_string(), value.map(str::to_owned)));
    }
    Ok(match word.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    })
}

/// A hidden prompt on a terminal, else all of standard input without its last line end.
fn read_value(key: &str) -> Result<Secret, Complaint> {
    if std::io::stdin().is_terminal() {
        let typed =
            rpassword::prompt_password(format!("{key}: ")).context("cannot read the value")?;
        return Ok(Secret::new(typed));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("cannot read the value from standard input")?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        // Whoever pipes a secret that was not found does not want to lose the old one.
        let text = format!("no value for {key} came from standard input");
        let hint = format!("to make it empty: refit set {key}=; to remove it: refit unset {key}");
        return Err(Complaint::new(Code::NoValue, text).hint(hint));
    }
    Ok(Secret::new(value.to_owned()))
}
