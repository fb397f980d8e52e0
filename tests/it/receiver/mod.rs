//! Receivers of notifications on loopback: one that speaks HTTP, and one that takes mail. They keep
//! what they were sent.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).unwrap();
        Some(Self {
            method,
            path,
            headers,
            body,
        })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }
}

/// What a request is answered with.
pub(crate) enum Reply {
    /// A status and a body.
    Status(u16, &'static str),
    /// Nothing, while the receiver lives.
    Silence,
}

/// A receiver that speaks HTTP.
pub(crate) struct Receiver {
    port: u16,
    came: mpsc::Receiver<Request>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) fn kind() -> Self {
        Self::start(|_, _| Reply::Status(200, "ok"))
    }

    /// One that answers by the request and how many came before it.
    pub(crate) fn start(reply: impl Fn(&Request, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, came) = mpsc::channel();
        thread::spawn(move || {
            let mut silent = Vec::new();
            let mut before = 0;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = Request::read(&stream) else {
                    continue;
                };
                let reply = reply(&request, before);
                before += 1;
                // The test has it before refit has its answer.
                if tell.send(request).is_err() {
                    return;
                }
                match reply {
                    Reply::Silence => silent.push(stream),
                    Reply::Status(status, body) => {
                        let length = body.len();
                        let _ = write!(
                            stream,
                            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                        );
                    }
                }
            }
        });
        Self { port, came }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Everything that came since the last look, by path.
    pub(crate) fn taken(&self) -> BTreeMap<String, Request> {
        let all = self.came.try_iter();
        all.map(|request| (request.path.clone(), request)).collect()
    }

    /// The paths of everything that came since the last look, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.came.try_iter().map(|request| request.path).collect()
    }

    /// The next one, once it comes.
    pub(crate) fn next(&self) -> Request {
        self.came.recv().unwrap()
    }
}

/// A mail server.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    came: mpsc::Receiver<(Vec<String>, String)>,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, came) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mail = Self::talk(stream.unwrap());
                if mail.is_some_and(|mail| tell.send(mail).is_err()) {
                    return;
                }
            }
        });
        Self { port, came }
    }

    /// One conversation: the envelope and the mail.
    fn talk(mut stream: TcpStream) -> Option<(Vec<String>, String)> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (mut envelope, mut text) = (Vec::new(), String::new());
        let mut say = |line: &str| stream.write_all(format!("{line}\r\n").as_bytes()).ok();
        say("220 test")?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let verb = line.split_whitespace().next().unwrap_or_default();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => say("250 test")?,
                "DATA" => {
                    say("354 go on")?;
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line).ok()?;
                        if line.trim_end() == "." {
                            break;
                        }
                        text.push_str(&line);
                    }
                    say("250 taken")?
                }
                "QUIT" => {
                    say("221 bye")?;
                    return Some((envelope, text));
                }
                _ => {
                    envelope.push(line.trim_end().to_owned());
                    say("250 ok")?
                }
            };
        }
    }

    /// The next mail with its envelope.
    pub(crate) fn next(&self) -> (Vec<String>, String) {
        self.came.recv().unwrap()
    }
}
