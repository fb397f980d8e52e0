//! A compose document that builds some services of a model, from a copy of their checkout where there
//! is one, and nothing else. The images come out as those of the stack, under passing names.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::built::PassingNames;
use crate::event::ServiceName;
use crate::stack::model::{Model, Section};

/// The document. Paths below `from_top` are moved to `to_top`; what the copy does not have, such as
/// a secret that git ignores, or another checkout in a subfolder, is taken from where it is.
///
/// To be built under the model's project name. Values stay as Compose printed them: with `$$`.
pub fn build_file(model: &Model, names: &PassingNames, from_top: &Path, to_top: &Path) -> Value {
    let moved = Moved { from_top, to_top };
    let mut document = Map::new();
    let mut secrets = Map::new();
    for (name, image) in names.iter() {
        let Some(service) = model.services.get(name) else {
            continue;
        };
        let mut entry = Map::new();
        entry.insert("image".to_owned(), image.into());
        // The platform of a service is that of its image.
        if let Some(value) = service.raw.get("platform") {
            entry.insert("platform".to_owned(), value.clone());
        }
        if let Some(Value::Object(build)) = service.raw.get("build") {
            for secret in names_of(build.get("secrets")) {
                if let Some(definition) = model.shared(Section::Secrets, &secret) {
                    secrets.insert(secret, moved.secret(definition));
                }
            }
            entry.insert("build".to_owned(), moved.build(build).into());
        }
        document.insert(name.to_string(), entry.into());
    }
    json!({"name": model.name, "services": document, "secrets": secrets})
}

/// The services, and those whose images their builds start from (`additional_contexts:
/// {base: service:base}`).
pub fn with_contexts(model: &Model, services: &[ServiceName]) -> BTreeSet<ServiceName> {
    let mut all = BTreeSet::new();
    let mut open: Vec<ServiceName> = services.to_vec();
    while let Some(name) = open.pop() {
        let Some(service) = model.services.get(&name).filter(|service| service.builds()) else {
            continue;
        };
        let bases = service.builds_on();
        open.extend(bases.filter(|base| !all.contains(base) && *base != name));
        all.insert(name);
    }
    all
}

/// The secrets that a build uses, by name: `[token]` or `[{source: token}]`.
fn names_of(secrets: Option<&Value>) -> Vec<String> {
    let listed = secrets.and_then(Value::as_array).into_iter().flatten();
    listed
        .filter_map(|secret| secret.as_str().or_else(|| secret.get("source")?.as_str()))
        .map(Into::into)
        .collect()
}

struct Moved<'a> {
    from_top: &'a Path,
    to_top: &'a Path,
}

impl Moved<'_> {
    fn build(&self, build: &Map<String, Value>) -> Map<String, Value> {
        let mut build = build.clone();
        // Names that are given to it once it is built.
        build.remove("tags");
        for key in ["context", "dockerfile"] {
            if let Some(path) = build.get_mut(key) {
                self.rewrite(path);
            }
        }
        if let Some(Value::Object(contexts)) = build.get_mut("additional_contexts") {
            contexts.values_mut().for_each(|path| self.rewrite(path));
        }
        build
    }

    fn secret(&self, definition: &Value) -> Value {
        let mut definition = definition.clone();
        if let Some(path) = definition.get_mut("file") {
            self.rewrite(path);
        }
        definition
    }

    /// An address, a `service:name` or a path relative to the context is none that begins here.
    fn rewrite(&self, value: &mut Value) {
        let Some(text) = value.as_str() else { return };
        // Compose prints a literal `$` of a path as two.
        let path = crate::stack::model::unescape(text);
        let Ok(inside) = Path::new(&path).strip_prefix(self.from_top) else {
            return;
        };
        let copy = match inside.as_os_str().is_empty() {
            true => self.to_top.to_owned(),
            false => self.to_top.join(inside),
        };
        if copy.exists() {
            *value = copy.to_string_lossy().replace('$', "$$").into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_copy_has_is_moved() {
        let copy = tempfile::tempdir().unwrap();
        let to = copy.path();
        for folder in ["web", "base$1"] {
            std::fs::create_dir(to.join(folder)).unwrap();
        }
        std::fs::write(to.join("token"), "").unwrap();
        let model = Model::of_json(json!({
            "name": "shop",
            "services": {
                "web": {"image": "shop/web:1", "ports": ["1"], "environment": {"A": "1"}, "build": {
                    "context": "/top/web", "dockerfile": "Dockerfile", "args": {"P": "a$$b"},
                    "tags": ["shop/web:new"],
                    "secrets": [{"source": "token"}, {"source": "hidden"}],
                    "additional_contexts": {"base": "service:base", "x": "https://x/y.git", "z": "/other"}
                }},
                "base": {"build": {"context": "/top/base$$1"}},
                "db": {"image": "db"},
            },
            "secrets": {"token": {"file": "/top/token"}, "hidden": {"file": "/top/hidden"}, "no": {}},
        }));
        let services = with_contexts(&model, &["web".into()]);
        let names = PassingNames::new("shop", Path::new("/state/1"), services);
        let found = build_file(&model, &names, Path::new("/top"), to);
        let image = |service: &str| names.of(&service.into()).unwrap().to_owned();
        let to = to.display();
        let base = format!("{to}/base$$1");
        assert_eq!(
            found,
            json!({
                "name": "shop",
                "services": {
                    "base": {"image": image("base"), "build": {"context": base}},
                    "web": {"image": image("web"), "build": {
                        "context": format!("{to}/web"), "dockerfile": "Dockerfile", "args": {"P": "a$$b"},
                        "secrets": [{"source": "token"}, {"source": "hidden"}],
                        "additional_contexts": {"base": "service:base", "x": "https://x/y.git", "z": "/other"}
                    }},
                },
                "secrets": {"token": {"file": format!("{to}/token")}, "hidden": {"file": "/top/hidden"}},
            })
        );
    }
}
