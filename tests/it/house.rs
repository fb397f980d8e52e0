//! The layout of the code: rooms use only rooms below them, files make no circles, and a name of a type
//! is used once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, UseTree};

use crate::papers::{files, read};

/// A module by its path: `["health", "watch"]`; of `lib.rs` it is empty.
type Module = Vec<String>;

fn sources() -> BTreeMap<Module, File> {
    let mut found = BTreeMap::new();
    for name in files("src", "rs") {
        let path = Path::new(&name).strip_prefix("src").unwrap();
        // Tests may use any room, and `main.rs` only calls.
        if path.with_extension("").iter().any(|part| part == "tests") || path.ends_with("main.rs") {
            continue;
        }
        let file = syn::parse_file(&read(&name));
        found.insert(
            module_of(path),
            file.unwrap_or_else(|e| panic!("{name}: {e}")),
        );
    }
    found
}

fn module_of(path: &Path) -> Module {
    let path: PathBuf = path.with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    names
        .filter(|name| !["mod", "lib"].contains(&name.as_str()))
        .collect()
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    let mut cfgs = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    cfgs.any(|cfg| {
        cfg.parse_args::<syn::Path>()
            .is_ok_and(|it| it.is_ident("test"))
    })
}

/// The paths that a file names, and the types that it defines.
#[derive(Default)]
struct Names {
    paths: Vec<Vec<String>>,
    types: BTreeSet<String>,
}

impl Names {
    fn of(file: &File) -> Self {
        let mut names = Self::default();
        names.visit_file(file);
        names
    }

    fn add(&mut self, tree: &UseTree, above: &[String]) {
        let with = |name: &syn::Ident| [above, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add(&path.tree, &with(&path.ident)),
            UseTree::Name(name) => self.paths.push(with(&name.ident)),
            UseTree::Rename(name) => self.paths.push(with(&name.ident)),
            UseTree::Glob(_) => self.paths.push(above.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add(tree, above)),
        }
    }
}

impl<'a> Visit<'a> for Names {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what else there is, syn adds to"
    )]
    fn visit_item(&mut self, item: &'a Item) {
        let (attributes, defined) = match item {
            Item::Struct(it) => (&it.attrs, Some(&it.ident)),
            Item::Enum(it) => (&it.attrs, Some(&it.ident)),
            Item::Trait(it) => (&it.attrs, Some(&it.ident)),
            Item::Type(it) => (&it.attrs, Some(&it.ident)),
            Item::Mod(it) => (&it.attrs, None),
            Item::Use(it) => (&it.attrs, None),
            Item::Fn(it) => (&it.attrs, None),
            Item::Impl(it) => (&it.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if is_of_tests(attributes) {
            return;
        }
        self.types.extend(defined.map(ToString::to_string));
        if let Item::Use(used) = item {
            self.add(&used.tree, &[]);
        }
        visit::visit_item(self, item);
    }

    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path.segments.iter();
        let names: Vec<String> = names.map(|segment| segment.ident.to_string()).collect();
        // One alone is a name that was brought in.
        if names.len() > 1 {
            self.paths.push(names);
        }
        visit::visit_path(self, path);
    }
}

/// What a file of `own` means by a path: the module in which the name is found.
fn target(own: &Module, path: &[String], modules: &BTreeSet<&Module>) -> Option<Module> {
    let mut at = match path.first()?.as_str() {
        "crate" => Module::new(),
        "self" | "super" => own.clone(),
        // Its own submodule; everything else was brought in by a `use`.
        _ => {
            return modules
                .get(&[own, &path[..1]].concat())
                .map(|&it| it.clone());
        }
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => {
                at.pop()?;
            }
            name => {
                at.push(name.to_owned());
                if !modules.contains(&at) {
                    at.pop();
                    break;
                }
            }
        }
    }
    Some(at)
}

/// Who uses whom.
fn arrows() -> BTreeMap<Module, BTreeSet<Module>> {
    let sources = sources();
    let modules: BTreeSet<&Module> = sources.keys().collect();
    let mut arrows = BTreeMap::new();
    for (own, file) in &sources {
        let names = Names::of(file);
        let used = names.paths.iter();
        let used = used.filter_map(|path| target(own, path, &modules));
        let used: BTreeSet<Module> = used.filter(|to| to != own && !to.is_empty()).collect();
        arrows.insert(own.clone(), used);
    }
    arrows.remove(&Module::new());
    arrows
}

/// The rooms as `lib.rs` lists them, from top to bottom.
fn rooms() -> Vec<String> {
    let items = sources().remove(&Module::new()).unwrap().items;
    let modules = items.into_iter().filter_map(|item| {
        let Item::Mod(module) = item else { return None };
        Some(module.ident.to_string())
    });
    modules.collect()
}

#[test]
fn rooms_use_only_what_lies_below_them() {
    let rooms = rooms();
    let at = |module: &Module| rooms.iter().position(|room| *room == module[0]).unwrap();
    let mut up = Vec::new();
    for (from, used) in arrows() {
        let above = used.into_iter().filter(|to| at(to) < at(&from));
        up.extend(above.map(|to| format!("{} uses {}", from.join("::"), to.join("::"))));
    }
    assert!(up.is_empty(), "{up:#?}");
}

#[test]
fn files_make_no_circles() {
    let arrows = arrows();
    let reaches = |from: &Module, to: &Module| {
        let (mut open, mut seen) = (vec![from], BTreeSet::new());
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            } else if seen.insert(at) {
                open.extend(&arrows[at]);
            }
        }
        false
    };
    let mut circles = Vec::new();
    for (from, used) in &arrows {
        let back = used.iter().filter(|to| reaches(to, from));
        let back: Vec<String> = back.map(|to| to.join("::")).collect();
        if !back.is_empty() {
            circles.push(format!("{} uses {}", from.join("::"), back.join(", ")));
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_name_of_a_type_is_used_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, file) in sources() {
        for name in Names::of(&file).types {
            places.entry(name).or_default().push(module.join("::"));
        }
    }
    places.retain(|_, modules| modules.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}
