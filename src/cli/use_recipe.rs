//! `refit use`.

use std::net::IpAddr;

use clap::Args;

use super::global::Global;
use super::notify::{self, Occasion};
use super::recipes::catalogue;
use super::run_options::RunOptions;
use super::standard_input::StandardInput;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::health::check::Credentials;
use crate::recipe::format::catalogue::Catalogue;
use crate::recipe::format::fields::Type;
use crate::recipe::input::arguments;
use crate::recipe::{self, Use};
use crate::request::Request;
use crate::run::run_report::Refused;
use crate::secret::Secret;

#[derive(Debug, Args)]
pub(super) struct UseArgs {
    /// Recipe; refit recipes lists them
    recipe: String,
    /// Parameters; NAME alone: the value comes from standard input
    #[arg(value_name = "NAME=VALUE")]
    values: Vec<String>,
    /// Another way to the same aim, like as=NAME
    #[arg(long = "as", value_name = "NAME")]
    way: Option<String>,
    /// The application's service, where refit cannot tell
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Publish the application's ports on this address only
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    bind: Option<IpAddr>,
    /// Account for the check; the password comes from stdin
    #[arg(long, value_name = "NAME")]
    sign_in: Option<String>,
    /// Edit the file only; refit apply does the rest
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn use_recipe(global: &Global, args: UseArgs) -> Result<Exit, Complaint> {
    let mut options = args.run.options()?;
    options.no_apply = args.no_apply;
    let catalogue = catalogue(global).await?;
    let recipe = &catalogue.find(&args.recipe)?.recipe;
    arguments::check(recipe, &args.values)?;
    let mut stdin = StandardInput::default();
    let mut typed = Vec::new();
    for word in &args.values {
        typed.push(match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Secret::new(value.to_owned())),
            None => (
                word.clone(),
                stdin.read(word, "pipe it in, or write NAME=VALUE")?,
            ),
        });
    }
    if let Some(way) = &args.way {
        typed.push(("as".to_owned(), Secret::new(way.clone())));
    }
    let sign_in = match &args.sign_in {
        Some(user) => Some(Credentials {
            user: user.clone(),
            password: stdin.read(
                &format!("the password of {user}"),
                "pipe it in; --sign-in takes it from there",
            )?,
        }),
        None => None,
    };
    let wanted = Use {
        name: args.recipe.clone(),
        service: args.service.as_deref().map(Into::into),
        bind: args.bind,
        typed,
        sign_in,
    };
    let secrets = recipe.parameters.iter();
    let secrets = secrets.filter(|parameter| parameter.kind == Type::Secret);
    let secrets: Vec<&str> = secrets.map(|parameter| parameter.name.as_str()).collect();
    let request = Request {
        command: global.typed.line(|name| secrets.contains(&name)),
        options,
    };
    let occasion = Occasion {
        unattended: false,
        dry: request.options.dry_run,
        series: None,
    };
    let located = global.locate_request();
    let report = notify::telling(global, occasion, &request.command, async |runner| {
        let assessment = async |place: &crate::stack::Place, _: &crate::state::StackState| {
            let made = recipe::assessment(place, &request.options, &wanted, &runner.emitter).await;
            made.map_err(Refused::from)
        };
        runner
            .execute_assessed(&located, &request, assessment)
            .await
    })
    .await?;
    Ok(report.end.exit())
}

/// An address of this machine to publish on.
fn address(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    plain.parse().map_err(|_| {
        let has_port = text.parse::<std::net::SocketAddr>().is_ok();
        match has_port {
            true => "give the address alone; the port stays what it is".to_owned(),
            false => "give an IP address of this machine, such as 127.0.0.1".to_owned(),
        }
    })
}

/// What was probably meant by an option that there is not: a parameter of the recipe.
pub(super) fn meant_by_option(option: &str) -> Option<String> {
    let mut typed = std::env::args().skip_while(|word| word != "use").skip(1);
    let recipe = typed.find(|word| !word.starts_with('-'))?;
    let catalogue = Catalogue::load().ok()?;
    let known = &catalogue.find(&recipe).ok()?.recipe.parameters;
    let name = option.trim_start_matches('-').split('=').next()?;
    let known = known.iter().any(|parameter| parameter.name == name);
    known.then(|| {
        format!("{name} is a parameter of {recipe}, written without hyphens: {name}=VALUE")
    })
}
