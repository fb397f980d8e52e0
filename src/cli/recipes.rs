//! `refit recipes`: lists recipes, or explains one.

use clap::Args;
use serde_json::json;

use super::global::Global;
use super::located_stack::LocatedStack;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::recipe::format::catalogue::Catalogue;
use crate::recipe::format::render_page as recipe_page;
use crate::report::{self, page};

#[derive(Debug, Args)]
pub(super) struct RecipesArgs {
    /// Recipe to explain [default: list all]
    recipe: Option<String>,
}

pub(super) async fn recipes(global: &Global, args: &RecipesArgs) -> Result<Exit, Complaint> {
    let catalogue = catalogue(global).await?;
    match &args.recipe {
        Some(name) => {
            let entry = catalogue.find(name)?;
            if global.json {
                page::document(&recipe_page::document(&entry.recipe, &entry.from));
            } else {
                for line in recipe_page::lines(&entry.recipe, &entry.from) {
                    report::out(&line);
                }
            }
        }
        None if global.json => {
            let all: Vec<_> = catalogue
                .all()
                .map(|entry| {
                    json!({
                        "name": entry.recipe.name, "title": entry.recipe.title, "from": entry.from,
                    })
                })
                .collect();
            let broken: Vec<_> = catalogue.broken().map(|broken| &broken.text).collect();
            page::document(&json!({"recipes": all, "broken": broken}));
        }
        None => {
            let rows: Vec<Vec<String>> = catalogue
                .all()
                .map(|entry| {
                    let recipe = &entry.recipe;
                    vec![
                        recipe.name.clone(),
                        recipe.title.clone(),
                        entry.from.clone(),
                    ]
                })
                .collect();
            page::table(&["RECIPE", "WHAT FOR", "FROM"], &rows);
            for complaint in catalogue.broken() {
                report::err(&format!("! {}", complaint.text));
            }
            report::out("");
            page::advice("refit recipes RECIPE explains one, refit use RECIPE uses it");
        }
    }
    Ok(Exit::Done)
}

/// The program's recipes, the person's and the stack's. Outside of a stack there are the others all
/// the same.
pub(super) async fn catalogue(global: &Global) -> Result<Catalogue, Complaint> {
    let mut catalogue = Catalogue::load()?;
    if let Ok(found) = LocatedStack::of(global).await {
        let located = &found.located.args;
        catalogue.add_stack(&located.directory, &located.files)?;
    }
    Ok(catalogue)
}
