//! What is refused before a stack is looked at: there is none, it cannot be read, or no engine answers.

use super::Screens;
use crate::stack::TestStack;

#[test]
fn no_stack_is_here() {
    let stack = TestStack::without_engine();
    let screens = Screens::of(&stack);
    for verb in ["status", "set", "upgrade", "doctor"] {
        let line = verb.replace("set", "set A=1");
        screens.shows(&format!("no-stack-{verb}"), &line);
    }
    screens.shows("no-folder", "-C nowhere status");
    screens.shows("no-such-file", "-f other.yaml status");
    stack.write("compose.yaml", "services:\n  web: {image: x\n");
    screens.shows("stack-unreadable", "set A=1");
}

#[test]
fn no_engine_answers() {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", "services:\n  web: {image: x}\n");
    stack.write(".env", "A=1\n");
    let screens = Screens::of(&stack);
    let socket = format!("unix://{}", stack.beside("none.sock").display());
    for (name, line) in [
        ("set", "set A=2"),
        ("status", "status"),
        ("doctor", "doctor"),
        ("get", "get A"),
        ("why", "why A"),
    ] {
        screens.shows_changed(&format!("no-engine-{name}"), line, |command| {
            command.env("DOCKER_HOST", &socket);
        });
    }
}
