//! The demo's web application: a login, sessions in a cookie, a page to chat with.
//!
//! It reads the settings that people are told to put into `.env`, and does what they say, so that
//! refit has something real to change, to break and to give back. This file chooses what to be and
//! turns the outcome into an exit code; it knows no setting.

mod app;
mod config_file;
mod cookie;
mod dotenv;
mod log;
mod login_check;
mod page;
mod serve;
mod session;
mod settings;
mod signals;
mod sources;
mod variables;
mod visitor;
mod worker;

use std::process::ExitCode;

const USAGE: &str = "usage: demo-web [serve | worker | healthcheck | login-check URL]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] | ["serve"] => serve::serve(),
        ["worker"] => worker::work(),
        ["healthcheck"] => serve::healthcheck(),
        ["login-check", url] => login_check::login_check(url),
        _ => {
            log::problem(USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::problem(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
