//! The image that a registry has for one platform, behind a tag that may name images of many: refit asks
//! itself, for the engine has no such question. No answer is no failure: the engine's own mirrors, proxies and
//! certificates are not known here.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::credentials::Logins;
use super::image::{Brought, pair};
use super::reference::{HUB, Reference};
use crate::docker::client::Docker;
use crate::hash::sha256;
use crate::host::http::{self, Document};

/// Where the images of [`HUB`] are.
const HUB_HOST: &str = "registry-1.docker.io";

/// One request takes no longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The forms in which registries describe images.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
                     application/vnd.docker.distribution.manifest.list.v2+json, \
                     application/vnd.oci.image.manifest.v1+json, \
                     application/vnd.docker.distribution.manifest.v2+json";

/// An image of one platform, as its registry describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteImage {
    /// Digest of its manifest.
    pub manifest: String,
    /// Digest of its configuration: the ID that most engines give it.
    pub config: String,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// What its containers get of it.
    pub brought: Brought,
    /// Such as `linux` and `amd64`.
    pub platform: (String, String),
}

/// Why the image of a platform is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// The registry has images of other platforms only.
    NoPlatform(String),
    /// It could not be asked, and why.
    NotAsked(String),
}

impl Unseen {
    fn because(text: impl Into<String>) -> Self {
        Self::NotAsked(text.into())
    }
}

impl Docker {
    /// What a registry has behind a digest of a name for this engine, or for the platform that is asked for.
    ///
    /// # Errors
    /// It is not known.
    pub(crate) async fn remote_image(
        &self,
        name: &str,
        digest: &str,
        platform: Option<&str>,
        logins: &Logins,
    ) -> Result<RemoteImage, Unseen> {
        let reference = Reference::parse(name).ok_or_else(|| Unseen::because("no name"))?;
        let is_loopback = is_loopback(&reference.registry);
        if is_loopback && !self.endpoint.is_local() {
            return Err(Unseen::because("the registry is on the engine's machine"));
        }
        let wanted = match platform {
            Some(text) => Platform::of(text),
            None => {
                let (os, architecture) = self
                    .platform()
                    .await
                    .map_err(|error| Unseen::because(error.to_string()))?;
                Platform {
                    os,
                    architecture,
                    variant: None,
                }
            }
        };
        let host = match reference.registry.as_str() {
            HUB => HUB_HOST,
            host => host,
        };
        let scheme = if is_loopback { "http" } else { "https" };
        let mut session = RegistrySession {
            base: format!("{scheme}://{host}/v2/{}", reference.repository),
            registry: &reference.registry,
            logins,
            authorization: None,
        };
        let mut digest = digest.to_owned();
        let mut manifest = session
            .json(&format!("manifests/{digest}"), &digest)
            .await?;
        if let Some(index) = manifest.get("manifests").and_then(Value::as_array) {
            digest = wanted.among(index)?;
            manifest = session
                .json(&format!("manifests/{digest}"), &digest)
                .await?;
        }
        let config = manifest.pointer("/config/digest").and_then(Value::as_str);
        let config =
            config.ok_or_else(|| Unseen::because("its manifest names no configuration"))?;
        let value = session.json(&format!("blobs/{config}"), config).await?;
        Ok(RemoteImage::of(digest, config, &value))
    }
}

impl RemoteImage {
    fn of(manifest: String, config: &str, value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let labels = value.pointer("/config/Labels").and_then(Value::as_object);
        let labels = labels.into_iter().flatten();
        let labels =
            labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let env = value.pointer("/config/Env").and_then(Value::as_array);
        let env = env.into_iter().flatten().filter_map(Value::as_str);
        let volumes = value.pointer("/config/Volumes").and_then(Value::as_object);
        Self {
            manifest,
            config: config.to_owned(),
            created: super::image::created(text("created")),
            brought: Brought {
                env: env.filter_map(pair).collect(),
                volumes: volumes
                    .into_iter()
                    .flatten()
                    .map(|(at, _)| at.clone())
                    .collect(),
                labels: labels.collect(),
            },
            platform: (text("os").to_owned(), text("architecture").to_owned()),
        }
    }
}

/// `127.0.0.1:5000`: there the engine takes a registry without a certificate.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.starts_with("127.") || host == "[::1]"
}

/// What an image is for.
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// `linux/arm64/v8`.
    fn of(text: &str) -> Self {
        let mut parts = text.split('/').map(str::to_owned);
        Self {
            os: parts.next().unwrap_or_default(),
            architecture: parts.next().unwrap_or_default(),
            variant: parts.next(),
        }
    }

    /// The digest of the one image of an index that is for this platform.
    fn among(&self, index: &[Value]) -> Result<String, Unseen> {
        let fits = |entry: &&Value| {
            let is = |key: &str| {
                entry
                    .pointer(&format!("/platform/{key}"))
                    .and_then(Value::as_str)
            };
            let variant = self.variant.as_deref();
            is("os") == Some(&self.os)
                && is("architecture") == Some(&self.architecture)
                && variant.is_none_or(|variant| is("variant").is_none_or(|is| is == variant))
        };
        let found: Vec<&Value> = index.iter().filter(fits).collect();
        match found.as_slice() {
            [] => Err(Unseen::NoPlatform(format!(
                "{}/{}",
                self.os, self.architecture
            ))),
            [one] => {
                let digest = one.get("digest").and_then(Value::as_str);
                let digest = digest.ok_or_else(|| Unseen::because("its index has no digest"))?;
                Ok(digest.to_owned())
            }
            // Which of the variants it would be, the engine decides.
            _ => Err(Unseen::because("it has several images for this machine")),
        }
    }
}

/// Questions about one repository.
struct RegistrySession<'a> {
    base: String,
    registry: &'a str,
    logins: &'a Logins,
    /// A header's value: a secret.
    authorization: Option<String>,
}

impl RegistrySession<'_> {
    /// A document whose digest is known.
    async fn json(&mut self, path: &str, digest: &str) -> Result<Value, Unseen> {
        let mut answer = self.ask(path).await?;
        if answer.status == 401 {
            let challenge = answer.challenge.unwrap_or_default();
            self.authorization = Some(self.authorized(&challenge).await?);
            answer = self.ask(path).await?;
        }
        if answer.status != 200 {
            return Err(Unseen::because(format!("it answers {}", answer.status)));
        }
        let is_its = digest.strip_prefix("sha256:") == Some(sha256(&answer.body).as_str());
        if !is_its {
            return Err(Unseen::because("it answers something else"));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| Unseen::because("what it answers is no JSON"))
    }

    async fn ask(&self, path: &str) -> Result<Document, Unseen> {
        let url = format!("{}/{path}", self.base);
        let mut headers = vec![("accept", KINDS.to_owned())];
        headers.extend(
            self.authorization
                .clone()
                .map(|value| ("authorization", value)),
        );
        http::document(url, headers, PATIENCE)
            .await
            .map_err(Unseen::NotAsked)
    }

    /// What opens the repository: the login itself, or a token for it.
    async fn authorized(&self, challenge: &str) -> Result<String, Unseen> {
        let login = self.logins.of_registry(self.registry).await;
        let login = login.map(|login| login.to_api());
        if let Some(token) = login.as_ref().and_then(|login| login.registrytoken.clone()) {
            return Ok(format!("Bearer {token}"));
        }
        let pair = login.and_then(|login| login.username.zip(login.password));
        let basic = pair.map(|(user, password)| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        });
        let (kind, fields) = read_challenge(challenge);
        if kind == "basic" {
            return basic.ok_or_else(|| Unseen::because("it wants a login"));
        }
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let realm = field("realm");
        // A login goes over no open line that the registry itself does not go over.
        if kind != "bearer" || !(realm.starts_with("https://") || self.base.starts_with("http://"))
        {
            return Err(Unseen::because("it wants a login of another kind"));
        }
        let url = format!(
            "{realm}{}service={}&scope={}",
            if realm.contains('?') { "&" } else { "?" },
            encoded(field("service")),
            encoded(field("scope"))
        );
        let headers = basic.map(|value| ("authorization", value)).into_iter();
        let answer = http::document(url, headers.collect(), PATIENCE).await;
        let answer = answer.map_err(Unseen::NotAsked)?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = ["token", "access_token"].into_iter();
        let token = token.filter_map(|key| value.get(key)?.as_str()).next();
        let token = token.ok_or_else(|| Unseen::because("it gives no token"))?;
        Ok(format!("Bearer {token}"))
    }
}

/// `Bearer realm="…",scope="a:pull,push"`: its kind in small letters, and its fields.
fn read_challenge(text: &str) -> (String, BTreeMap<String, String>) {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut fields = BTreeMap::new();
    let (mut field, mut quoted) = (String::new(), false);
    for c in rest.chars().chain([',']) {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                let pair = field.trim().split_once('=');
                fields.extend(pair.map(|(key, value)| (key.to_lowercase(), value.to_owned())));
                field.clear();
            }
            c => field.push(c),
        }
    }
    (kind.to_lowercase(), fields)
}

/// As a value of a query.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_image_of_an_index_is_for_a_platform() {
        let entry = |digest: &str, architecture: &str, variant: Option<&str>| {
            json!({"digest": digest, "platform": {
                "os": "linux", "architecture": architecture, "variant": variant,
            }})
        };
        let index = [
            entry("a", "amd64", None),
            entry("v6", "arm", Some("v6")),
            entry("v7", "arm", Some("v7")),
            entry("none", "unknown", None),
        ];
        let among = |text: &str| Platform::of(text).among(&index);
        assert_eq!(among("linux/amd64"), Ok("a".to_owned()));
        assert_eq!(among("linux/arm/v7"), Ok("v7".to_owned()));
        assert!(matches!(among("linux/arm"), Err(Unseen::NotAsked(_))));
        let none = Unseen::NoPlatform("linux/riscv64".to_owned());
        assert_eq!(among("linux/riscv64"), Err(none));
    }

    #[test]
    fn a_challenge_is_read_with_commas_in_its_quotes() {
        let text = r#"Bearer realm="https://a/token",service="a b",scope="repository:x:pull,push""#;
        let (kind, fields) = read_challenge(text);
        assert_eq!(
            (kind.as_str(), fields["scope"].as_str()),
            ("bearer", "repository:x:pull,push")
        );
        assert_eq!(encoded(&fields["service"]), "a%20b");
        assert_eq!(read_challenge("Basic").0, "basic");
    }
}
