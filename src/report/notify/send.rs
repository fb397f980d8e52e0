//! Sends what is to be sent: tries again what may work later, and is over within a known time.

use std::time::Duration;

use super::payload::Payload;
use crate::host::http::{self, Again, Unsent};
use crate::host::sendmail;

/// Pauses before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// A receiver that does not answer within this does not answer. Three tries and their pauses take
/// 20 s at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// `sendmail` may talk to a mail server far away before it ends; what it did not take in this time is
/// not tried again.
const MAIL_PATIENCE: Duration = Duration::from_secs(15);

/// A receiver may ask for a longer pause than ours, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(6);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// How often it was tried.
    pub tries: u32,
    /// Why it was not taken, in words that may hold secrets; `None`: it was taken.
    pub error: Option<String>,
}

/// Sends one. `once`: there is no time to try again.
pub(super) async fn send(payload: &Payload, once: bool) -> Sent {
    let mut tries = 0;
    loop {
        tries += 1;
        let done = match payload {
            Payload::Post(post) => http::post(post.clone(), PATIENCE).await,
            Payload::Mail(mail) => sendmail::send(mail, MAIL_PATIENCE).await,
        };
        let error = match done {
            Ok(()) => return Sent { tries, error: None },
            Err(error) => error,
        };
        match pause(&error, tries).filter(|_| !once) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => {
                let error = Some(error.text);
                return Sent { tries, error };
            }
        }
    }
}

/// How long to wait after so many tries; `None`: there is no use in another one.
fn pause(error: &Unsent, tries: u32) -> Option<Duration> {
    let ours = PAUSES.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    match error.again? {
        Again::Later => Some(*ours),
        Again::After(wait) if wait <= LONGEST_PAUSE => Some(wait.max(*ours)),
        Again::After(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_work_later_is_tried_three_times_and_the_rest_once() {
        let later = Unsent::for_now("x");
        assert_eq!(pause(&later, 1), Some(PAUSES[0]));
        assert_eq!(pause(&later, 2), Some(PAUSES[1]));
        assert_eq!(pause(&later, 3), None);
        assert_eq!(pause(&Unsent::for_good("x"), 1), None);
        let told = |seconds| Unsent {
            text: String::new(),
            again: Some(Again::After(Duration::from_secs(seconds))),
        };
        assert_eq!(pause(&told(0), 1), Some(PAUSES[0]));
        assert_eq!(pause(&told(3), 1), Some(Duration::from_secs(3)));
        assert_eq!(pause(&told(3600), 1), None);
    }
}
