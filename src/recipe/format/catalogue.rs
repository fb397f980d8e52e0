//! Which recipes there are: the program's own, the person's, and the stack's. A later one of the
//! same name takes the place of an earlier one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::complaint::{Code, Complaint};
use crate::host::files;
use crate::recipe::format::fields::Recipe;
use crate::suggest::nearest;

/// Every file of `templates/recipes` by its name; `build.rs` lists them, and has read each one.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// The part of a stack's settings that this room reads.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OfStack {
    recipes: Vec<Recipe>,
}

#[derive(Deserialize)]
struct ComposeWithRecipes {
    #[serde(rename = "x-refit")]
    refit: Option<OfStack>,
}

/// A recipe and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct CatalogueEntry {
    /// The recipe.
    pub recipe: Recipe,
    /// Its file; `built in` for the program's own.
    pub from: String,
}

/// All recipes by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    entries: BTreeMap<String, CatalogueEntry>,
    /// Files of the person's folder that cannot be used, by their name without the ending: they stop
    /// nobody who wants another one.
    broken: BTreeMap<String, Complaint>,
}

impl Catalogue {
    /// The program's own recipes and those of the person's folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn load() -> Result<Self, Complaint> {
        let mut catalogue = Self::built_in()?;
        if let Some(folder) = own_folder() {
            catalogue.add_folder(&folder)?;
        }
        Ok(catalogue)
    }

    /// The program's own.
    ///
    /// # Errors
    /// One is malformed, which its tests rule out.
    pub(crate) fn built_in() -> Result<Self, Complaint> {
        let mut catalogue = Self::default();
        for (name, text) in BUILT_IN {
            catalogue.add(Recipe::parse(text, name)?, "built in".to_owned());
        }
        Ok(catalogue)
    }

    fn add(&mut self, recipe: Recipe, from: String) {
        self.entries
            .insert(recipe.name.clone(), CatalogueEntry { recipe, from });
    }

    /// Adds every `*.yaml` of a folder, in the order of their names. What is wrong with one is told to
    /// whoever asks for it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn add_folder(&mut self, folder: &Path) -> Result<(), Complaint> {
        let Ok(found) = std::fs::read_dir(folder) else {
            return Ok(());
        };
        let mut paths: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            matches!(ending, Some("yaml" | "yml")) && path.is_file()
        });
        paths.sort();
        for path in paths {
            let bytes = files::read_if_exists(&path)?.unwrap_or_default();
            let shown = path.display().to_string();
            match Recipe::parse(&String::from_utf8_lossy(&bytes), &shown) {
                Ok(recipe) => self.add(recipe, shown),
                Err(complaint) => {
                    let name = path.file_stem().unwrap_or_default();
                    self.broken
                        .insert(name.to_string_lossy().into_owned(), complaint);
                }
            }
        }
        Ok(())
    }

    /// Adds the recipes of a stack: of its `refit.yaml`, else of `x-refit:` in its compose files.
    ///
    /// # Errors
    /// `bad_recipe`, with line and column.
    pub(crate) fn add_stack(
        &mut self,
        directory: &Path,
        compose_files: &[PathBuf],
    ) -> Result<(), Complaint> {
        let own = crate::settings::file_in(directory);
        let wrong = |file: &Path, error: &serde_saphyr::Error| {
            Complaint::new(Code::BadRecipe, format!("cannot use {}", file.display()))
                .details(&error.to_string())
                .hint("docs/recipes.md lists the fields of a recipe")
        };
        let mut found: Vec<(String, Vec<Recipe>)> = Vec::new();
        if let Some(bytes) = files::read_if_exists(&own)? {
            let text = String::from_utf8_lossy(&bytes);
            let read = serde_saphyr::from_str::<Option<OfStack>>(&text);
            let read = read
                .map_err(|error| wrong(&own, &error))?
                .unwrap_or_default();
            found.push((own.display().to_string(), read.recipes));
        } else {
            for file in compose_files {
                let bytes = files::read_if_exists(file)?.unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                if !(text.contains("x-refit") && text.contains("recipes")) {
                    continue;
                }
                let read = serde_saphyr::from_str::<ComposeWithRecipes>(&text);
                let read = read.map_err(|error| wrong(file, &error))?;
                let recipes = read.refit.unwrap_or_default().recipes;
                found.push((file.display().to_string(), recipes));
            }
        }
        for (from, recipes) in found {
            for recipe in recipes {
                recipe.check(&from)?;
                self.add(recipe, from.clone());
            }
        }
        Ok(())
    }

    /// All, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &CatalogueEntry> {
        self.entries.values()
    }

    /// What is wrong with those that cannot be used.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &Complaint> {
        self.broken.values()
    }

    /// The recipe of a name.
    ///
    /// # Errors
    /// `bad_recipe`, with the file and the place in it; `no_recipe`, with the nearest name.
    pub(crate) fn find(&self, name: &str) -> Result<&CatalogueEntry, Complaint> {
        // It may be meant to take the place of one of the program's own.
        if let Some(complaint) = self.broken.get(name) {
            return Err(complaint.clone());
        }
        self.entries.get(name).ok_or_else(|| {
            let names = || self.entries.keys().map(String::as_str);
            let text = match nearest(name, names()) {
                Some(near) => format!("there is no recipe {name}; did you mean {near}?"),
                None => format!(
                    "there is no recipe {name}; there are {}",
                    names().collect::<Vec<_>>().join(", ")
                ),
            };
            Complaint::new(Code::NoRecipe, text).hint("refit recipes lists them")
        })
    }
}

/// `$XDG_CONFIG_HOME/refit/recipes`, else `~/.config/refit/recipes`.
pub(crate) fn own_folder() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("refit/recipes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_of_the_program_is_right() {
        let catalogue = Catalogue::built_in().unwrap();
        let profiles = crate::profile::all().unwrap();
        for entry in catalogue.all() {
            let recipe = &entry.recipe;
            for (name, application) in &recipe.applications {
                let profile = profiles.iter().find(|profile| profile.name == *name);
                let profile = profile.unwrap_or_else(|| panic!("no profile {name}"));
                for key in application
                    .changes
                    .iter()
                    .filter_map(|change| change.env.as_ref())
                {
                    // A key that is wanted has a type and a sentence in the profile.
                    assert!(
                        profile.keys.contains_key(key),
                        "{}: {name}: {key}",
                        recipe.name
                    );
                    assert!(!profile.not_read.contains_key(key), "{name}: {key}");
                }
            }
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_answered_with_the_name() {
        let catalogue = Catalogue::built_in().unwrap();
        let error = catalogue.find("stay-singed-in").unwrap_err();
        assert!(
            error.text.ends_with("did you mean stay-signed-in?"),
            "{error}"
        );
        let error = catalogue.find("zzz").unwrap_err();
        assert!(
            error
                .text
                .contains("there are cookies, keep-secrets, no-login"),
            "{error}"
        );
    }
}
