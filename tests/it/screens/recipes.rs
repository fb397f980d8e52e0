//! Recipes, on the demo.

use super::Screens;
use crate::demo::Demo;

#[test]
fn recipes_are_used() {
    let Some(demo) = Demo::started() else { return };
    let mut screens = Screens::of(&demo.stack);
    screens.varies(&format!(r"\b{}\b", demo.port), "30800");
    screens.shows("recipes", "recipes");
    screens.shows("recipes-one", "recipes stay-signed-in");
    screens.shows("recipes-near", "recipes stay-sign-in");
    screens.shows("use-dry-run", "use stay-signed-in for=7d --dry-run");
    screens.shows("use-applied", "use stay-signed-in for=7d");
    screens.shows("use-nothing-to-do", "use stay-signed-in for=7d");
    screens.shows("use-default", "use stay-signed-in");
    screens.shows("use-wrong-value", "use stay-signed-in for=long");
    screens.shows("use-refused", "use cookies scheme=http same-site=none");
    screens.shows("use-unknown", "use stay-sign-in");
    screens.shows_in_window("recipes-60", 60, "recipes");
    screens.shows_in_window("recipes-one-60", 60, "recipes cookies");
}
