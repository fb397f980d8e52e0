//! From the parser's events to the tree. The parser (granit-parser, the one that serde-saphyr reads
//! with) tells what is there; this module finds the indicators around each node (`-`, `:`, `?`,
//! properties), which no event carries. Whatever does not lie where it is expected is an error, so
//! that no edit ever starts from a wrong place.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::error::{Position, YamlError};
use super::layout::Layout;
use super::tree::{MapEntry, Node, NodeId, NodeKind, SeqItem, Tree};

/// Nesting beyond this is refused; serde-saphyr has the same limit.
const DEPTH: usize = 64;

pub(super) struct Builder<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    layout: Layout<'a>,
    nodes: Vec<Node>,
    by_anchor: HashMap<usize, NodeId>,
    open: Vec<NodeId>,
    aliases: Vec<NodeId>,
    peeked: Option<(Event<'a>, Span)>,
}

impl<'a> Tree<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, YamlError> {
        Builder::new(text).document()
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let options = granit_parser::options! {
            emit_anchor_events: true,
            emit_comments: false,
            // As Compose's parser: a block that the file ends in without a line break has none.
            block_scalar_eof_without_line_feed: true,
            flow_nesting_limit: DEPTH,
            block_nesting_limit: DEPTH,
        };
        Self {
            events: Parser::new_from_str_with_options(text, options),
            layout: Layout::new(text),
            nodes: Vec::new(),
            by_anchor: HashMap::new(),
            open: Vec::new(),
            aliases: Vec::new(),
            peeked: None,
        }
    }

    pub(super) fn document(mut self) -> Result<Tree<'a>, YamlError> {
        self.next()?; // StreamStart
        let (mut root, mut end_marker) = (None, None);
        if let (Event::DocumentStart(explicit, _), span) = self.next()? {
            let range = self.range(&span)?;
            let (id, _) = self.node(if explicit { range.end } else { range.start }, None)?;
            root = Some(id);
            if let (Event::DocumentEnd, span) = self.next()? {
                let range = self.range(&span)?;
                end_marker = (!range.is_empty()).then_some(range.start);
            }
            if let (Event::DocumentStart(..), span) = self.next()? {
                let at = self.layout.position(self.range(&span)?.start);
                return Err(YamlError::SeveralDocuments { at });
            }
        }
        Ok(Tree {
            layout: self.layout,
            nodes: self.nodes,
            root,
            end_marker,
            aliases: self.aliases,
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        if let Some(event) = self.peeked.take() {
            return Ok(event);
        }
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(failure)) => Err(self.syntax(&failure)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn peek(&mut self) -> Result<&Event<'a>, YamlError> {
        let event = self.next()?;
        Ok(&self.peeked.insert(event).0)
    }

    fn syntax(&self, failure: &granit_parser::ScanError) -> YamlError {
        let marker = failure.marker();
        let at = Position {
            line: marker.line(),
            column: marker.col() + 1,
        };
        if let Some(template) = self.layout.template_near(at.line) {
            return YamlError::Template { at: template };
        }
        YamlError::Syntax {
            at,
            message: failure.info().to_string(),
        }
    }

    fn range(&self, span: &Span) -> Result<Range<usize>, YamlError> {
        span.byte_range()
            .filter(|range| self.layout.text.get(range.clone()).is_some())
            .ok_or_else(|| self.unplaced(0))
    }

    fn unplaced(&self, pos: usize) -> YamlError {
        YamlError::Notation {
            at: self.layout.position(pos),
            what: "its parts were not found where they were expected",
        }
    }

    /// Reads the next node, whose text begins somewhere after `pos`; gives the end of it.
    fn node(&mut self, pos: usize, parent: Option<NodeId>) -> Result<(NodeId, usize), YamlError> {
        let (event, span) = self.next()?;
        let range = self.range(&span)?;
        let tag = span
            .tag_span()
            .and_then(|tag| tag.slice(self.layout.text))
            .map(str::to_owned);
        let mut anchor = None;
        if let Event::Anchor(..) = self.peek()?
            && let (Event::Anchor(id, name), _) = self.next()?
        {
            anchor = Some((id, name.into_owned()));
        }
        let start = self.layout.skip_trivia(pos);
        let properties = usize::from(tag.is_some()) + usize::from(anchor.is_some());
        let (after, content) = self.skip_properties(pos, properties);
        let id = self.nodes.len();
        self.nodes.push(Node {
            kind: NodeKind::Alias(id),
            tag,
            anchor: anchor.as_ref().map(|(_, name)| name.clone()),
            start: if properties == 0 { content } else { start },
            lead: after,
            body: content..content,
            parent,
        });
        if let Some((anchor, _)) = anchor {
            self.by_anchor.insert(anchor, id);
        }
        self.open.push(id);
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the parser may get more events; what begins no node has no place here"
        )]
        let body = match event {
            Event::Scalar(text, style, ..) => {
                let body = self.scalar_body(style, after, content, &range)?;
                self.nodes[id].kind = NodeKind::Scalar {
                    text: text.into_owned(),
                    style,
                };
                body
            }
            Event::Alias(target) => self.alias(id, target, content, &range)?,
            Event::MappingStart(style, ..) => {
                self.mapping(id, style == StructureStyle::Flow, content, &range)?
            }
            Event::SequenceStart(style, ..) => {
                self.sequence(id, style == StructureStyle::Flow, content, &range)?
            }
            _ => return Err(self.unplaced(range.start)),
        };
        self.open.pop();
        if body.is_empty() && properties == 0 {
            self.nodes[id].start = body.start;
        }
        let end = body.end;
        self.nodes[id].body = body;
        Ok((id, end))
    }

    /// The end of the properties, and the start of what follows them.
    fn skip_properties(&self, pos: usize, properties: usize) -> (usize, usize) {
        let (mut after, mut content) = (pos, self.layout.skip_trivia(pos));
        for _ in 0..properties {
            after = self.layout.skip_token(content);
            content = self.layout.skip_trivia(after);
        }
        (after, content)
    }

    fn scalar_body(
        &self,
        style: ScalarStyle,
        after: usize,
        content: usize,
        range: &Range<usize>,
    ) -> Result<Range<usize>, YamlError> {
        match style {
            ScalarStyle::Plain if range.is_empty() => Ok(after..after),
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let indicator = if style == ScalarStyle::Literal {
                    "|"
                } else {
                    ">"
                };
                if !self.layout.slice(content..).starts_with(indicator) {
                    return Err(self.unplaced(content));
                }
                Ok(content..self.layout.block_scalar_end(content, range.end))
            }
            ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                if range.start != content {
                    return Err(self.unplaced(range.start));
                }
                let text = self.layout.slice(range.clone());
                Ok(content..content + text.trim_end().len())
            }
        }
    }

    fn alias(
        &mut self,
        id: NodeId,
        anchor: usize,
        content: usize,
        range: &Range<usize>,
    ) -> Result<Range<usize>, YamlError> {
        let target = self.by_anchor.get(&anchor).copied();
        let target = target.ok_or_else(|| self.unplaced(range.start))?;
        if self.open.contains(&target) {
            let at = self.layout.position(range.start);
            return Err(YamlError::RecursiveAlias { at });
        }
        if range.start != content {
            return Err(self.unplaced(range.start));
        }
        self.nodes[id].kind = NodeKind::Alias(target);
        self.aliases.push(id);
        Ok(range.clone())
    }

    fn mapping(
        &mut self,
        id: NodeId,
        flow: bool,
        content: usize,
        range: &Range<usize>,
    ) -> Result<Range<usize>, YamlError> {
        // A pair alone in a flow sequence, `[a: b]`, is a mapping without braces.
        let braces = flow && !range.is_empty();
        let mut pos = if braces {
            self.expect(content, b'{')?
        } else {
            content
        };
        let mut entries = Vec::new();
        let mut seen = HashMap::new();
        let end = loop {
            if let Event::MappingEnd = self.peek()? {
                let (_, span) = self.next()?;
                break if braces { self.range(&span)?.end } else { pos };
            }
            if flow && !entries.is_empty() {
                pos = self.expect(pos, b',')?;
            }
            let (entry, end) = self.entry(pos, id)?;
            let at = self.layout.position(self.nodes[entry.key].start);
            if let Some(first) = seen.insert(entry.name.clone(), at.line) {
                return Err(YamlError::DuplicateKey {
                    key: entry.name,
                    at,
                    first,
                });
            }
            entries.push(entry);
            pos = end;
        };
        self.nodes[id].kind = NodeKind::Map { flow, entries };
        Ok(content..end)
    }

    fn entry(&mut self, pos: usize, map: NodeId) -> Result<(MapEntry, usize), YamlError> {
        let start = self.layout.skip_trivia(pos);
        let explicit = self.layout.is_indicator(start, b'?');
        let (key, key_end) = self.node(if explicit { start + 1 } else { pos }, Some(map))?;
        let colon = self.layout.skip_trivia(key_end);
        let has_value = self.layout.text.as_bytes().get(colon) == Some(&b':');
        let after = if has_value { colon + 1 } else { key_end };
        let (value, end) = self.node(after, Some(map))?;
        let name = match &self.nodes[key].kind {
            NodeKind::Scalar { text, .. } if !self.nodes[key].body.is_empty() => text.clone(),
            NodeKind::Scalar { .. }
            | NodeKind::Map { .. }
            | NodeKind::Seq { .. }
            | NodeKind::Alias(_) => {
                return Err(self.complex_key(start));
            }
        };
        Ok((
            MapEntry {
                start,
                key,
                name,
                value,
            },
            end,
        ))
    }

    fn complex_key(&self, start: usize) -> YamlError {
        // `image: {{ image }}` is a mapping whose key is a mapping: a template, not YAML.
        let before = self.layout.slice(..start).trim_end_matches([' ', '{']);
        if self
            .layout
            .slice(before.len()..)
            .trim_start()
            .starts_with("{{")
        {
            let at = self.layout.position(self.layout.skip_trivia(before.len()));
            return YamlError::Template { at };
        }
        YamlError::ComplexKey {
            at: self.layout.position(start),
        }
    }

    fn sequence(
        &mut self,
        id: NodeId,
        flow: bool,
        content: usize,
        range: &Range<usize>,
    ) -> Result<Range<usize>, YamlError> {
        let mut pos = if flow {
            self.expect(content, b'[')?
        } else {
            content
        };
        if flow && range.start != content {
            return Err(self.unplaced(content));
        }
        let mut items = Vec::new();
        let end = loop {
            if let Event::SequenceEnd = self.peek()? {
                let (_, span) = self.next()?;
                break if flow { self.range(&span)?.end } else { pos };
            }
            if flow && !items.is_empty() {
                pos = self.expect(pos, b',')?;
            }
            let start = self.layout.skip_trivia(pos);
            let (value, end) = if flow {
                self.node(pos, Some(id))?
            } else {
                let after = self.expect(pos, b'-')?;
                self.node(after, Some(id))?
            };
            items.push(SeqItem { start, value });
            pos = end;
        };
        self.nodes[id].kind = NodeKind::Seq { flow, items };
        Ok(content..end)
    }

    /// The byte after the indicator that stands next after `pos`.
    fn expect(&self, pos: usize, indicator: u8) -> Result<usize, YamlError> {
        let at = self.layout.skip_trivia(pos);
        if self.layout.text.as_bytes().get(at) == Some(&indicator) {
            Ok(at + 1)
        } else {
            Err(self.unplaced(at))
        }
    }
}
