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

pub use letter::{Letter, deliver};
pub use message::Message;
pub use payload::Beat;
pub use send::Sent;
pub use story::Story;
pub use target::Target;
pub use word::Word;

#[cfg(test)]
mod tests;
