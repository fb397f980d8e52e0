//! The plan as a person reads it: a line for each step and reason, then what is left alone.

use super::style::Style;
use crate::event::{PlannedStep, ServiceName};

/// So many untouched services have a line each.
const FEW: usize = 2;

/// So many are named.
const MANY: usize = 8;

/// So many reasons of a step are told; `-v` tells all.
const REASONS: usize = 4;

/// The column of names.
pub(super) fn width(steps: &[PlannedStep], untouched: &[ServiceName]) -> usize {
    let names = steps.iter().map(|step| &step.service).chain(untouched);
    let widths = names.map(|name| name.as_str().chars().count());
    widths.max().unwrap_or_default()
}

/// The lines of a step.
pub(super) fn step(step: &PlannedStep, width: usize, style: &Style, verbose: bool) -> Vec<String> {
    // One file reaches a service by one route for all of its keys: that is said once.
    let mut texts: Vec<&str> = Vec::new();
    for reason in &step.reasons {
        if !texts.contains(&reason.text.as_str()) {
            texts.push(&reason.text);
        }
    }
    let first = texts.first().copied().unwrap_or_default();
    let action = style.warn(&format!("{:<9}", step.action.word()));
    let mut lines = vec![format!("  {:<width$}  {action}  {first}", step.service)];
    let shown = if verbose { usize::MAX } else { REASONS };
    let others = texts.iter().take(shown).skip(1);
    lines.extend(others.map(|text| format!("  {0:<width$}  {0:<9}  {text}", "")));
    let more = texts.len().saturating_sub(shown);
    if more > 0 {
        let line = format!("  {0:<width$}  {0:<9}  and {more} more (-v shows them)", "");
        lines.push(style.dim(&line));
    }
    lines
}

/// A line for each of a few untouched services, one line for many.
pub(super) fn untouched(
    services: &[ServiceName],
    width: usize,
    style: &Style,
    verbose: bool,
) -> Vec<String> {
    if services.len() <= FEW {
        let word = style.dim("untouched");
        let lines = services.iter();
        return lines
            .map(|service| format!("  {service:<width$}  {word}"))
            .collect();
    }
    let shown = if verbose { services.len() } else { MANY };
    let names = services.iter().take(shown).map(ServiceName::as_str);
    let names = names.collect::<Vec<_>>().join(", ");
    let more = match services.len().saturating_sub(shown) {
        0 => String::new(),
        more => format!(" and {more} more (-v shows them)"),
    };
    vec![style.dim(&format!("  untouched: {names}{more}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_untouched_services_are_one_line() {
        let names = |count: usize| (0..count).map(|n| format!("s{n}").as_str().into());
        let told = |count: usize, verbose| {
            let services: Vec<ServiceName> = names(count).collect();
            untouched(&services, 4, &Style::PLAIN, verbose)
        };
        assert_eq!(told(2, false), ["  s0    untouched", "  s1    untouched"]);
        assert_eq!(told(3, false), ["  untouched: s0, s1, s2"]);
        assert!(told(10, false)[0].ends_with("s7 and 2 more (-v shows them)"));
        assert!(told(10, true)[0].ends_with("s8, s9"));
    }
}
