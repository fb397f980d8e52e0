//! The application: a whole request in, a whole answer out. It knows no sockets.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, SET_COOKIE,
};
use hyper::http::response::Builder;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::Timestamp;

use crate::cookie::{self, CookieRules};
use crate::log;
use crate::page;
use crate::session::{Session, SessionError, SessionId, Sessions};
use crate::settings::{Account, Login};
use crate::visitor::{Forwarded, Visitor};

/// The longest message that is kept, in characters.
const LONGEST_MESSAGE: usize = 2_000;

const HTML: &str = "text/html; charset=utf-8";

/// The application with its settings and sessions.
pub(crate) struct App {
    pub(crate) login: Login,
    pub(crate) cookie: CookieRules,
    pub(crate) trust_proxy: bool,
    pub(crate) sessions: Arc<Sessions>,
}

/// An answer that is complete.
pub(crate) type Answer = Response<String>;

/// Why there is no proper answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("an answer cannot be built: {0}")]
    Http(#[from] hyper::http::Error),
}

/// Where a request is addressed.
#[derive(Clone, Copy)]
enum Place {
    Health,
    Chat,
    Say,
    Login,
    Logout,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/health" => Some(Self::Health),
            "/" => Some(Self::Chat),
            "/chat" => Some(Self::Say),
            "/login" => Some(Self::Login),
            "/logout" => Some(Self::Logout),
            _ => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Health | Self::Chat => "GET, HEAD",
            Self::Say | Self::Logout => "POST",
            Self::Login => "GET, HEAD, POST",
        }
    }
}

impl App {
    /// Answers a request that came over a connection from `peer`. Blocks on the session store.
    pub(crate) fn answer(&self, request: &Request<Vec<u8>>, peer: IpAddr) -> Answer {
        self.route(request, peer).unwrap_or_else(|failure| {
            log::problem(&failure.to_string());
            let mut answer = Response::new(match failure {
                Failure::Session(_) => {
                    page::notice("Not now", "The session store does not answer.")
                }
                Failure::Http(_) => page::notice("Not now", "Something went wrong."),
            });
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            let html = HeaderValue::from_static(HTML);
            answer.headers_mut().insert(CONTENT_TYPE, html);
            answer
        })
    }

    fn route(&self, request: &Request<Vec<u8>>, peer: IpAddr) -> Result<Answer, Failure> {
        let Some(place) = Place::of(request.uri().path()) else {
            return html(
                StatusCode::NOT_FOUND,
                page::notice("Not found", "No such page."),
            );
        };
        let headers = request.headers();
        let visitor = Visitor::new(peer, forwarded(headers), self.trust_proxy);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let writes = request.method() == Method::POST;
        match place {
            Place::Health if reads => text(StatusCode::OK, "OK"),
            Place::Chat if reads => self.chat(headers, visitor),
            Place::Login if reads => self.login_form(headers),
            Place::Login if writes => self.sign_in(request, visitor),
            Place::Say if writes => self.say(request, visitor),
            Place::Logout if writes => self.sign_out(headers),
            Place::Health | Place::Chat | Place::Say | Place::Login | Place::Logout => {
                Ok(answer(StatusCode::METHOD_NOT_ALLOWED)
                    .header(ALLOW, place.methods())
                    .body(String::new())?)
            }
        }
    }

    fn chat(&self, headers: &HeaderMap, visitor: Visitor) -> Result<Answer, Failure> {
        let Some((_, session)) = self.admitted(headers)? else {
            return redirect("/login");
        };
        let chat = page::Chat {
            user: session.user.as_deref(),
            address: &visitor.address.to_string(),
            scheme: if visitor.https { "https" } else { "http" },
            messages: &session.messages,
        };
        html(StatusCode::OK, page::chat(&chat))
    }

    fn login_form(&self, headers: &HeaderMap) -> Result<Answer, Failure> {
        match self.admitted(headers)? {
            Some(_) => redirect("/"),
            None => html(StatusCode::OK, page::login(None)),
        }
    }

    fn sign_in(&self, request: &Request<Vec<u8>>, visitor: Visitor) -> Result<Answer, Failure> {
        let Login::Required(account) = &self.login else {
            return redirect("/");
        };
        let user = field(request.body(), "user").unwrap_or_default();
        let password = field(request.body(), "password").unwrap_or_default();
        if !matches(account, &user, &password) {
            log::line(&format!(
                "sign-in refused for {user:?} from {}",
                visitor.address
            ));
            let page = page::login(Some("User or password is wrong."));
            return html(StatusCode::UNAUTHORIZED, page);
        }
        if let Some(old) = session_id(request.headers()) {
            self.sessions.end(&old)?;
        }
        log::line(&format!("{user:?} signed in from {}", visitor.address));
        self.begin(
            Session {
                user: Some(user),
                messages: Vec::new(),
            },
            visitor,
        )
    }

    fn say(&self, request: &Request<Vec<u8>>, visitor: Visitor) -> Result<Answer, Failure> {
        let Some((id, mut session)) = self.admitted(request.headers())? else {
            return redirect("/login");
        };
        let message = field(request.body(), "message").unwrap_or_default();
        let message: String = message.trim().chars().take(LONGEST_MESSAGE).collect();
        if message.is_empty() {
            return redirect("/");
        }
        session.say(message);
        match id {
            Some(id) => {
                self.sessions.update(&id, &session)?;
                redirect("/")
            }
            None => self.begin(session, visitor),
        }
    }

    fn sign_out(&self, headers: &HeaderMap) -> Result<Answer, Failure> {
        if let Some(id) = session_id(headers) {
            self.sessions.end(&id)?;
        }
        Ok(leading_to("/login")
            .header(SET_COOKIE, self.cookie.take())
            .body(String::new())?)
    }

    /// The session that may see the chat: one that is signed in, or any where no login is asked
    /// for. Without an id it is a new visitor's, and not yet kept.
    fn admitted(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(Option<SessionId>, Session)>, Failure> {
        let known = match session_id(headers) {
            Some(id) => self.sessions.find(&id)?.map(|session| (Some(id), session)),
            None => None,
        };
        Ok(match self.login {
            Login::Off => Some(known.unwrap_or_default()),
            Login::Required(_) => known.filter(|(_, session)| session.user.is_some()),
        })
    }

    /// Keeps a new session and sends its cookie along, where it may be sent.
    fn begin(&self, session: Session, visitor: Visitor) -> Result<Answer, Failure> {
        let id = self.sessions.begin(&session, self.cookie.max_age)?;
        let mut answer = leading_to("/");
        match self
            .cookie
            .give(id.as_str(), visitor.https, Timestamp::now())
        {
            Some(cookie) => answer = answer.header(SET_COOKIE, cookie),
            None => log::line(
                "no cookie sent: COOKIE_SECURE=true, and the request came over http as far as \
                 TRUST_PROXY lets me see",
            ),
        }
        Ok(answer.body(String::new())?)
    }
}

fn matches(account: &Account, user: &str, password: &str) -> bool {
    account.user == user && account.password == password
}

fn session_id(headers: &HeaderMap) -> Option<SessionId> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookie::value(cookies).and_then(SessionId::parse)
}

fn forwarded(headers: &HeaderMap) -> Forwarded<'_> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Forwarded {
        client: header("x-forwarded-for"),
        proto: header("x-forwarded-proto"),
    }
}

/// A field of a form that was sent.
fn field(body: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(body)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// What every answer has: pages depend on the session, so nothing on the way may keep them.
fn answer(status: StatusCode) -> Builder {
    Response::builder()
        .status(status)
        .header(CACHE_CONTROL, "no-store")
}

fn html(status: StatusCode, page: String) -> Result<Answer, Failure> {
    Ok(answer(status).header(CONTENT_TYPE, HTML).body(page)?)
}

fn text(status: StatusCode, text: &str) -> Result<Answer, Failure> {
    Ok(answer(status)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(text.to_owned())?)
}

/// 303: whatever was sent, the next request is a GET.
fn leading_to(path: &str) -> Builder {
    answer(StatusCode::SEE_OTHER).header(LOCATION, path)
}

fn redirect(path: &str) -> Result<Answer, Failure> {
    Ok(leading_to(path).body(String::new())?)
}
