//! `$` references in a value, resolved as Compose does: `$NAME`, `${NAME}`, `${NAME:-default}` and its
//! kin, `$$`. Measured on Compose 2.26 and 2.40, oddities included: the text behind an operator is
//! resolved even where it is not used, and it ends where the braces balance or else at the last brace
//! of the line.

use super::error::ReferenceProblem;

/// Deepest nesting of references that is resolved.
const DEPTH_LIMIT: usize = 32;

/// The variables that a value can refer to, and how many bytes its references may still add.
pub(super) struct Variables<'a> {
    /// The value of a variable.
    pub(super) lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Bytes that references may add to all values of a file together.
    pub(super) budget: usize,
}

/// Bytes that the references of one file may add up to: an environment is far smaller, and values
/// that refer to each other could otherwise grow without bound.
pub(super) const GROWTH_LIMIT: usize = 64 << 20;

/// Resolves the references of `text`.
pub(super) fn resolve(
    text: &str,
    variables: &mut Variables<'_>,
) -> Result<String, ReferenceProblem> {
    resolve_nested(text, variables, 0)
}

fn resolve_nested(
    text: &str,
    variables: &mut Variables<'_>,
    depth: usize,
) -> Result<String, ReferenceProblem> {
    if depth > DEPTH_LIMIT {
        return Err(ReferenceProblem::TooDeep(DEPTH_LIMIT));
    }
    let mut out = String::with_capacity(text.len());
    let mut braces = LastBrace::default();
    let mut at = 0;
    while let Some(offset) = text[at..].find('$') {
        let dollar = at + offset;
        out.push_str(&text[at..dollar]);
        at = match next_reference(text, dollar, &mut braces)? {
            DollarReference::None => {
                out.push('$');
                dollar + 1
            }
            DollarReference::Dollar => {
                out.push('$');
                dollar + 2
            }
            DollarReference::Name { name, end } => {
                out.push_str(&variables.get(name)?.unwrap_or_default());
                end
            }
            DollarReference::Operator {
                name,
                operator,
                word,
                end,
            } => {
                let word = resolve_nested(word, variables, depth + 1)?;
                let value = variables.get(name)?;
                out.push_str(&apply(operator, name, value, word)?);
                end
            }
        };
    }
    out.push_str(&text[at..]);
    Ok(out)
}

impl Variables<'_> {
    fn get(&mut self, name: &str) -> Result<Option<String>, ReferenceProblem> {
        let value = (self.lookup)(name);
        let length = value.as_ref().map_or(0, String::len);
        self.budget = self
            .budget
            .checked_sub(length)
            .ok_or(ReferenceProblem::TooLarge(GROWTH_LIMIT >> 20))?;
        Ok(value)
    }
}

/// What stands behind a dollar sign. `end` is the offset behind the whole reference.
enum DollarReference<'a> {
    None,
    Dollar,
    Name {
        name: &'a str,
        end: usize,
    },
    Operator {
        name: &'a str,
        operator: Operator,
        word: &'a str,
        end: usize,
    },
}

/// `:-`, `-` and so on: what to do about a variable that is not set, or with a colon also about one
/// that is empty.
#[derive(Clone, Copy)]
struct Operator {
    sign: ReferenceOperator,
    empty_counts_as_unset: bool,
}

#[derive(Clone, Copy)]
enum ReferenceOperator {
    Default,
    Alternative,
    Required,
}

fn apply(
    operator: Operator,
    name: &str,
    value: Option<String>,
    word: String,
) -> Result<String, ReferenceProblem> {
    let set = value.filter(|value| !(operator.empty_counts_as_unset && value.is_empty()));
    match (operator.sign, set) {
        (ReferenceOperator::Alternative, Some(_)) | (ReferenceOperator::Default, None) => Ok(word),
        (ReferenceOperator::Alternative, None) => Ok(String::new()),
        (ReferenceOperator::Default | ReferenceOperator::Required, Some(value)) => Ok(value),
        (ReferenceOperator::Required, None) => Err(ReferenceProblem::Required {
            name: name.to_owned(),
        }),
    }
}

fn next_reference<'a>(
    text: &'a str,
    dollar: usize,
    braces: &mut LastBrace,
) -> Result<DollarReference<'a>, ReferenceProblem> {
    let behind = &text[dollar + 1..];
    if behind.starts_with('$') {
        return Ok(DollarReference::Dollar);
    }
    let Some(braced) = behind.strip_prefix('{') else {
        let name = leading_name(behind);
        return Ok(match name {
            "" => DollarReference::None,
            name => DollarReference::Name {
                name,
                end: dollar + 1 + name.len(),
            },
        });
    };
    let name = leading_name(braced);
    let name_end = dollar + 2 + name.len();
    let behind_name = &text[name_end..];
    if name.is_empty() {
        return Err(ReferenceProblem::Malformed);
    }
    if behind_name.starts_with('}') {
        return Ok(DollarReference::Name {
            name,
            end: name_end + 1,
        });
    }
    let (operator, length) = leading_operator(behind_name).ok_or(ReferenceProblem::Malformed)?;
    let word = name_end + length;
    let last = braces
        .of_line(text, word)
        .ok_or(ReferenceProblem::Malformed)?;
    let close = balancing_brace(&text[dollar..last]).map_or(last, |offset| dollar + offset);
    Ok(DollarReference::Operator {
        name,
        operator,
        word: &text[word..close],
        end: close + 1,
    })
}

/// The variable name at the start of `text`: letters, digits and `_`, not a digit first. Compose
/// compares without regard to case, which lets two letters in that are no ASCII.
fn leading_name(text: &str) -> &str {
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '\u{17f}' | '\u{212a}');
    if !text.starts_with(is_start) {
        return "";
    }
    let end = text
        .find(|c: char| !is_start(c) && !c.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..end]
}

fn leading_operator(text: &str) -> Option<(Operator, usize)> {
    let (colon, rest) = match text.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let sign = match rest.chars().next()? {
        '-' => ReferenceOperator::Default,
        '+' => ReferenceOperator::Alternative,
        '?' => ReferenceOperator::Required,
        _ => return None,
    };
    Some((
        Operator {
            sign,
            empty_counts_as_unset: colon,
        },
        usize::from(colon) + 1,
    ))
}

/// The brace that balances the first one of `text`, by Compose's count: every `{` counts, and the
/// byte behind it does not.
fn balancing_brace(text: &str) -> Option<usize> {
    let mut open = 0_i64;
    let mut bytes = text.bytes().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'{' => {
                open += 1;
                bytes.next();
            }
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// The last `}` of the line that is being read, remembered so that a line full of references is
/// searched once.
#[derive(Default)]
struct LastBrace {
    line_end: usize,
    brace: Option<usize>,
}

impl LastBrace {
    /// The last `}` at or behind `at` in its line.
    fn of_line(&mut self, text: &str, at: usize) -> Option<usize> {
        if self.line_end <= at {
            self.line_end = text[at..]
                .find('\n')
                .map_or(text.len(), |offset| at + offset);
            self.brace = text[at..self.line_end].rfind('}').map(|offset| at + offset);
        }
        self.brace.filter(|brace| *brace >= at)
    }
}
