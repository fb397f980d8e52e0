//! Where settings come from: the process environment, the `.env` file, `config.yaml`.
//!
//! The only place that reads them. What they mean is decided in `settings`.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context;

use crate::config_file::ConfigFile;
use crate::dotenv;
use crate::settings::{Login, Settings};
use crate::variables::Variables;

const ENV_FILE: &str = "/app/.env";
const CONFIG_FILE: &str = "/app/config.yaml";

/// Reads all sources and makes the settings of them.
///
/// `DOTENV_CONFIG_PATH` and `CONFIG_PATH` in the process environment name other files. A file that
/// is not there sets nothing.
pub(crate) fn settings() -> anyhow::Result<Settings> {
    let (variables, config) = gathered()?;
    Ok(Settings::new(&variables, &config)?)
}

/// Who gets in, whatever the other settings are worth.
pub(crate) fn login() -> anyhow::Result<Login> {
    let (variables, config) = gathered()?;
    Ok(Login::new(&variables, &config)?)
}

fn gathered() -> anyhow::Result<(Variables, ConfigFile)> {
    let process: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let file = dotenv::parse(&text_of("DOTENV_CONFIG_PATH", ENV_FILE)?.1);
    let (config_path, config_text) = text_of("CONFIG_PATH", CONFIG_FILE)?;
    let config =
        ConfigFile::parse(&config_text).with_context(|| config_path.display().to_string())?;
    Ok((Variables::new(file, process), config))
}

fn text_of(variable: &str, default: &str) -> anyhow::Result<(PathBuf, String)> {
    let path = PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| default.into()));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((path, String::new())),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}
