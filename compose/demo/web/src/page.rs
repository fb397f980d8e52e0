//! The pages, as HTML. Pure; whatever comes from outside is escaped here.

/// The form that asks for user and password, with what went wrong the last time.
pub(crate) fn login(problem: Option<&str>) -> String {
    let problem = problem
        .map(|text| format!("<p class=\"problem\" role=\"alert\">{}</p>", escape(text)))
        .unwrap_or_default();
    document(
        "Sign in",
        &format!(
            r#"<main class="card">
<h1>Sign in</h1>
{problem}
<form method="post" action="/login">
<label>User <input name="user" autocomplete="username" autofocus required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
</main>"#
        ),
    )
}

/// What the chat page shows.
pub(crate) struct Chat<'a> {
    /// Who is signed in; none where no login is asked for.
    pub(crate) user: Option<&'a str>,
    /// The visitor's address and scheme, as the application believes them.
    pub(crate) address: &'a str,
    pub(crate) scheme: &'a str,
    pub(crate) messages: &'a [String],
}

/// The page behind the login.
pub(crate) fn chat(chat: &Chat<'_>) -> String {
    let who = match chat.user {
        Some(user) => format!(
            "Signed in as <b>{}</b> <form method=\"post\" action=\"/logout\">\
             <button class=\"quiet\">Sign out</button></form>",
            escape(user)
        ),
        None => "No login is asked for".to_owned(),
    };
    let turns: String = chat
        .messages
        .iter()
        .map(|message| {
            let message = escape(message);
            format!("<p class=\"mine\">{message}</p>\n<p class=\"reply\">You said: {message}</p>\n")
        })
        .collect();
    document(
        "Chat",
        &format!(
            r#"<header><h1>Chat</h1><span class="who">{who}</span></header>
<main>
<section class="turns" aria-live="polite">
<p class="reply">Hello. Say something, and I say it again.</p>
{turns}</section>
<form class="say" method="post" action="/chat">
<input name="message" aria-label="Message" placeholder="Message" autocomplete="off" autofocus required>
<button>Send</button>
</form>
</main>
<footer>You come from {} over {}.</footer>"#,
            escape(chat.address),
            escape(chat.scheme)
        ),
    )
}

/// A page that only says something.
pub(crate) fn notice(title: &str, text: &str) -> String {
    let (title_html, text) = (escape(title), escape(text));
    document(
        title,
        &format!(
            "<main class=\"card\"><h1>{title_html}</h1><p>{text}</p>\
             <p><a href=\"/\">Back</a></p></main>"
        ),
    )
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --accent: #2f6fdf; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 42rem; min-height: 100vh; padding: 1rem; display: flex;
  flex-direction: column; font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.25rem; }
header { display: flex; justify-content: space-between; align-items: center;
  padding-bottom: .75rem; border-bottom: 1px solid var(--line); }
.who form { display: inline; margin-left: .5rem; }
main { flex: 1; display: flex; flex-direction: column; padding: 1rem 0; }
main.card { flex: none; width: 100%; max-width: 22rem; margin: 15vh auto 0; padding: 1.5rem;
  border: 1px solid var(--line); border-radius: .75rem; }
label { display: block; margin-top: .75rem; }
input { width: 100%; padding: .5rem .75rem; font: inherit; border: 1px solid var(--line);
  border-radius: .5rem; }
button { padding: .5rem 1rem; font: inherit; color: #fff; background: var(--accent); border: 0;
  border-radius: .5rem; cursor: pointer; }
.card button { width: 100%; margin-top: 1.25rem; }
button.quiet { padding: .1rem .6rem; color: inherit; background: none;
  border: 1px solid var(--line); }
.problem { margin: .75rem 0 0; color: #c62828; }
.turns { flex: 1; display: flex; flex-direction: column; gap: .5rem; }
.turns p { margin: 0; padding: .5rem .75rem; max-width: 80%; border-radius: .75rem;
  background: #8882; overflow-wrap: anywhere; }
.turns .mine { align-self: end; color: #fff; background: var(--accent); }
.say { display: flex; gap: .5rem; margin-top: 1rem; }
footer { color: #888; font-size: .85rem; }
";

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} - refit demo</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n{body}\n</body>\n</html>\n",
        escape(title)
    )
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let bad = "<script>\"'&</script>".to_owned();
        let page = chat(&Chat {
            user: Some(&bad),
            address: &bad,
            scheme: &bad,
            messages: std::slice::from_ref(&bad),
        });
        for page in [page, login(Some(&bad)), notice(&bad, &bad)] {
            assert!(!page.contains("<script"), "{page}");
            assert!(
                page.contains("&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;"),
                "{page}"
            );
        }
    }
}
