use super::*;

fn code(status_code: u16, message: &str) -> &'static str {
    let reference = Reference::parse("h:5000/a").unwrap();
    let error = ApiError::DockerResponseServerError {
        status_code,
        message: message.into(),
    };
    RegistryError::of_api("ask", &reference, error)
        .code()
        .word()
}

/// The messages are those of engines 26.1 and 28.5, and of Docker Hub.
#[test]
fn reasons_are_told_apart_by_their_text() {
    for (status, message, expected) in [
        (404, "manifest unknown: manifest unknown", "image_not_found"),
        (
            500,
            "Head \"http://h/v2/a/manifests/1\": no basic auth credentials",
            "registry_denied",
        ),
        (
            500,
            "denied: requested access to the resource is denied",
            "registry_denied",
        ),
        (401, "whatever", "registry_denied"),
        (
            500,
            "toomanyrequests: You have reached your pull rate limit",
            "registry_limit",
        ),
        (
            500,
            "Get \"https://h/v2/\": dial tcp: lookup h: no such host",
            "registry_unreachable",
        ),
        (500, "context deadline exceeded", "registry_unreachable"),
        (
            500,
            "write /var/lib/docker/x: no space left on device",
            "engine_error",
        ),
    ] {
        assert_eq!(code(status, message), expected, "{message}");
    }
}

#[test]
fn a_login_is_asked_for_by_its_registry() {
    let error = RegistryError::Denied {
        registry: "h:5000".into(),
        name: "a".into(),
        cause: "x".into(),
    };
    let hint = Complaint::from(error).hint.unwrap();
    assert!(hint.ends_with("docker login h:5000"), "{hint}");
}

fn message(id: &str, status: &str, current: i64, total: i64) -> CreateImageInfo {
    serde_json::from_value(serde_json::json!({
        "id": id, "status": status, "progressDetail": {"current": current, "total": total}
    }))
    .unwrap()
}

#[test]
fn layers_are_summed_and_unpacking_is_not_counted() {
    let mut sum = PullProgress::default();
    assert!(sum.take(&message("a", "Downloading", 10, 100)));
    assert!(!sum.take(&message("a", "Downloading", 10, 100)));
    assert!(sum.take(&message("b", "Downloading", 5, 50)));
    assert!(!sum.take(&message("c", "Already exists", 0, 0)));
    assert_eq!((sum.done(), sum.total()), (15, 150));
    assert!(sum.take(&message("b", "Download complete", 0, 0)));
    assert!(!sum.take(&message("b", "Extracting", 7, 900)));
    assert!(sum.take(&message("a", "Pull complete", 0, 0)));
    assert_eq!((sum.done(), sum.total()), (150, 150));
}

/// Of several images, which one.
#[test]
fn every_error_names_its_image_and_tag() {
    let reference = Reference::parse("h:5000/a:7").unwrap();
    for message in [
        "unknown blob",
        "no matching manifest for linux/amd64 in the manifest list entries",
        "manifest unknown: manifest unknown",
        "toomanyrequests: slow down",
        "dial tcp: no such host",
        "denied: no",
    ] {
        let error = ApiError::DockerStreamError {
            error: message.to_owned(),
        };
        let text = RegistryError::of_api("pull an image", &reference, error).to_string();
        assert!(text.contains("h:5000/a:7"), "{text}");
    }
}
