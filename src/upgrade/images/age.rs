//! `min_age` of images. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// How long an image still has to wait until it is `min_age` old; `None` where it is, or where
/// nobody knows how old it is.
pub fn too_young(
    created: Option<Timestamp>,
    min_age: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let age = now.duration_since(created?);
    // One that comes from the future is brand new.
    let age = Duration::try_from(age).unwrap_or(Duration::ZERO);
    min_age.checked_sub(age).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_waits_until_it_is_old_enough() {
        let now: Timestamp = "2026-08-10T00:00:00Z".parse().unwrap();
        let wait = |created: &str, days: u64| {
            let created = Some(created.parse().unwrap());
            too_young(created, Duration::from_secs(days * 86_400), now)
        };
        assert_eq!(
            wait("2026-08-08T00:00:00Z", 3),
            Some(Duration::from_secs(86_400))
        );
        assert_eq!(wait("2026-08-07T00:00:00Z", 3), None);
        assert_eq!(
            wait("2026-09-01T00:00:00Z", 1),
            Some(Duration::from_secs(86_400))
        );
        assert_eq!(wait("2026-08-09T23:59:59Z", 0), None);
        assert_eq!(too_young(None, Duration::from_secs(86_400), now), None);
    }
}
