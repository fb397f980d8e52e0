//! `refit set`: keys, and where their values come from.

use std::path::{Path, PathBuf};

use clap::Args;

use super::argument::service_names;
use super::assignment::{self, Assignment, AssignmentForm};
use super::global::Global;
use super::located_stack::LocatedStack;
use super::run_options::{RunOptions, execute};
use super::standard_input::StandardInput;
use crate::assess::edit_target::is_compose_path;
use crate::complaint::{Code, Complaint};
use crate::edit::syntax::FileSyntax;
use crate::exit::Exit;
use crate::request::{Edit, EditRequest, Options, To, ValueType, What};
use crate::secret::Secret;
use crate::secret::generate::Generate;
use crate::stack::variables::StackVariables;

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// KEY=VALUE, or KEY alone: the value comes from standard input
    #[arg(required = true, value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Env, YAML, TOML, JSON or INI file [default: where the key belongs]
    ///
    /// Without it where the key counts: the line of `environment:`, the env file that reaches a
    /// service, else the stack's first; for a path such as services.web.image the compose file where
    /// the change belongs.
    #[arg(id = "in", short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Random value: hex:32, base64:32 or alnum:32
    #[arg(long, value_name = "KIND:SIZE")]
    generate: Option<Generate>,
    /// Make the key reach this service too; repeatable
    #[arg(long = "for", value_name = "SERVICE")]
    reach: Vec<String>,
    /// YAML, TOML, JSON: write text, whatever it looks like
    #[arg(long, conflicts_with_all = ["int", "as_json"])]
    string: bool,
    /// YAML, TOML, JSON: write a whole number
    #[arg(long, conflicts_with = "as_json")]
    int: bool,
    /// YAML, TOML, JSON: the value is JSON, such as a list
    #[arg(long)]
    as_json: bool,
    /// Edit the file only; refit apply does the rest
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn set(global: &Global, args: SetArgs) -> Result<Exit, Complaint> {
    let kind = match (args.string, args.int, args.as_json) {
        (true, ..) => ValueType::Literal,
        (_, true, _) => ValueType::Int,
        (.., true) => ValueType::Json,
        _ => ValueType::Auto,
    };
    let paths = args.assignments.iter().any(|word| is_compose_path(word));
    let has_paths = |file: &Path| FileSyntax::of(file, None, false).has_paths();
    let paths = args.file.as_deref().map_or(paths, has_paths);
    if kind != ValueType::Auto && !paths {
        return Err(Complaint::new(
            Code::Usage,
            "--string, --int and --as-json are for YAML, TOML and JSON files",
        )
        .hint("name the file: -F compose.yaml"));
    }
    let assignments = assignments(global, &args, paths).await?;
    let mut stdin = StandardInput::default();
    let mut edits = Vec::new();
    for Assignment { key, value } in assignments {
        let value = match (value, args.generate) {
            (Some(_), Some(_)) => {
                return Err(
                    Complaint::new(Code::Usage, format!("{key} has a value already"))
                        .hint("with --generate, give the key alone"),
                );
            }
            (Some(value), None) => Secret::new(value),
            (None, Some(generate)) => generate.value()?,
            (None, None) => {
                let otherwise =
                    format!("to make it empty: refit set {key}=; to remove it: refit unset {key}");
                stdin.read(&key, &otherwise)?
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
    let what = What::Edit(EditRequest {
        typed: Some(global.typed.typed()),
        file: args.file,
        edits,
        reach: service_names(&args.reach),
    });
    let options = Options {
        no_apply: args.no_apply,
        ..args.run.options()?
    };
    execute(global, what, options).await
}

/// What was typed. What the stack knows is asked for where two words in a row have no `=`.
async fn assignments(
    global: &Global,
    args: &SetArgs,
    paths: bool,
) -> Result<Vec<Assignment>, Complaint> {
    let words = &args.assignments;
    let found = match assignment::is_doubtful(words) {
        true => LocatedStack::of(global).await.ok(),
        false => None,
    };
    let variables = found.map(|found| StackVariables::read(&found.located, &[]));
    let knows = |key: &str| match &variables {
        _ if is_compose_path(key) => true,
        Some(variables) => variables.known_keys().any(|known| known == key),
        None => false,
    };
    let folder = global.directory.iter();
    let folder = folder.fold(global.came_from.clone(), |at, folder| at.join(folder));
    let is_file = |word: &str| args.file.is_none() && folder.join(word).is_file();
    let typed = global.typed.typed();
    let how = AssignmentForm {
        typed: &typed,
        is_file: &is_file,
        paths,
        generates: args.generate.is_some(),
        knows: &knows,
    };
    assignment::read(words, how)
}
