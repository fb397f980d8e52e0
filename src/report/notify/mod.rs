//! What is told to those who do not sit at the terminal: from the events of a run to a message, and
//! from that to what each kind of receiver takes. All of it is pure but `send` and `deliver`; what was told is
//! remembered elsewhere.

mod letter;
mod message;
mod payload;
mod send;
mod story;
mod target;
mod word;

pub(crate) use letter::{Letter, deliver};
pub(crate) use message::Message;
pub(crate) use payload::Beat;
pub(crate) use send::Sent;
pub(crate) use story::Story;
pub(crate) use target::Target;
pub(crate) use word::Word;

#[cfg(test)]
mod tests;
