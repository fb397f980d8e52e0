//! Every way on which a setting reaches a service: `refit set` chooses the right action, says why,
//! proves the effect, and touches nobody else.

use crate::stack::{TestStack, idle};

/// `web` by the route that is tested, and a neighbour that no route reaches.
fn compose(web: &str) -> String {
    format!(
        "services:\n  web: {}\n  neighbour: {}\n",
        idle(web),
        idle("")
    )
}

#[test]
fn a_bind_mounted_env_file_needs_a_restart() {
    let compose = compose("volumes: ['./.env:/app/.env']");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\nB=2\n")]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=new"]).exits(0);
    answer
        .plans(&[("web", "restart")])
        .because("web", "bind", ".env is mounted at /app/.env")
        .proves("web", "A", "bind");
    let after = stack.containers();
    before["web"].was_restarted(&after["web"]);
    before["neighbour"].is_untouched(&after["neighbour"]);
    assert_eq!(stack.exec("web", &["cat", "/app/.env"]), "A=new\nB=2\n");
    assert_eq!(stack.read(".env"), "A=new\nB=2\n");
}

#[test]
fn a_folder_mounted_above_the_file_needs_a_restart_too() {
    let compose = compose("volumes: [{type: bind, source: ./conf, target: /conf}]");
    let files = [("conf/app.env", "A=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=new", "-F", "conf/app.env"]);
    answer
        .exits(0)
        .plans(&[("web", "restart")])
        .because("web", "bind", "conf/app.env is mounted at /conf/app.env")
        .proves("web", "A", "bind");
    let after = stack.containers();
    before["web"].was_restarted(&after["web"]);
    before["neighbour"].is_untouched(&after["neighbour"]);
}

#[test]
fn a_bind_mounted_yaml_file_needs_a_restart() {
    let compose = compose("volumes: ['./app.yaml:/app/app.yaml:ro']");
    let files = [("app.yaml", "auth:\n  enabled: true # on\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "auth.enabled=false", "-F", "app.yaml"]);
    answer
        .exits(0)
        .plans(&[("web", "restart")])
        .because("web", "bind", "app.yaml is mounted at /app/app.yaml")
        .proves("web", "auth.enabled", "bind");
    let after = stack.containers();
    before["web"].was_restarted(&after["web"]);
    before["neighbour"].is_untouched(&after["neighbour"]);
    let seen = stack.exec("web", &["cat", "/app/app.yaml"]);
    assert_eq!(seen, "auth:\n  enabled: false # on\n");
}

#[test]
fn an_env_file_needs_a_new_container() {
    for form in [
        "env_file: .env",
        "env_file: [{path: .env, required: false}]",
        "env_file: [{path: .env, format: raw}]",
    ] {
        let files = [("compose.yaml", &*compose(form)), (".env", "A=1\nB=2\n")];
        let Some(stack) = TestStack::new(&files) else {
            return;
        };
        // An older Compose does not know `format`.
        if form.contains("format") && stack.try_compose(&["config", "-q"]).code != 0 {
            continue;
        }
        stack.up();
        let before = stack.containers();
        let answer = stack.refit(&["--json", "set", "A=new"]).exits(0);
        answer
            .plans(&[("web", "recreate")])
            .because("web", "env_file", ".env is its env_file")
            .proves("web", "A", "env_file");
        let after = stack.containers();
        before["web"].was_recreated(&after["web"]);
        before["neighbour"].is_untouched(&after["neighbour"]);
        assert_eq!(after["web"].env["A"], "new", "{form}");
        assert_eq!(after["web"].env["B"], "2", "{form}");
    }
}

#[test]
fn a_key_of_the_env_file_that_environment_overrides_is_written_where_it_counts() {
    let compose = compose("env_file: .env, environment: {A: fixed}");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack
        .refit(&["--json", "set", "A=new", "-F", ".env"])
        .exits(1);
    assert_eq!(answer.refusal(), "overridden", "{answer}");
    answer.plans(&[]);
    before["web"].is_untouched(&stack.container("web"));
    let answer = stack.refit(&["--json", "set", "A=new"]).exits(0);
    answer.plans(&[("web", "recreate")]);
    assert_eq!(stack.container("web").env["A"], "new");
    assert_eq!(stack.read(".env"), "A=1\n");
}

#[test]
fn interpolation_needs_a_new_container() {
    let compose = compose("environment: {URL: 'http://${HOST_NAME}/'}, labels: {x: '${LABEL}'}");
    let Some(stack) = TestStack::started(&compose, &[(".env", "HOST_NAME=a\nLABEL=b\n")]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "HOST_NAME=new"]).exits(0);
    answer
        .plans(&[("web", "recreate")])
        .because(
            "web",
            "interpolation",
            "environment URL uses ${HOST_NAME} from .env",
        )
        .proves("web", "URL", "interpolation");
    let after = stack.containers();
    before["web"].was_recreated(&after["web"]);
    before["neighbour"].is_untouched(&after["neighbour"]);
    assert_eq!(after["web"].env["URL"], "http://new/");

    let answer = stack.refit(&["--json", "set", "LABEL=new"]).exits(0);
    answer.plans(&[("web", "recreate")]).because(
        "web",
        "interpolation",
        "labels uses ${LABEL} from .env",
    );
    assert_eq!(stack.container("web").label("x"), "new");
}

#[test]
fn environment_as_a_list_and_as_a_map() {
    for form in [
        "environment: [A]",
        "environment: ['A=${A}']",
        "environment: {A: '${A}'}",
        "environment: {A: }",
    ] {
        let Some(stack) = TestStack::started(&compose(form), &[(".env", "A=1\n")]) else {
            return;
        };
        let before = stack.containers();
        assert_eq!(before["web"].env["A"], "1", "{form}");
        let answer = stack.refit(&["--json", "set", "A=new"]).exits(0);
        answer
            .plans(&[("web", "recreate")])
            .because("web", "environment", "environment takes A from .env")
            .proves("web", "A", "environment");
        let after = stack.containers();
        before["web"].was_recreated(&after["web"]);
        before["neighbour"].is_untouched(&after["neighbour"]);
        assert_eq!(after["web"].env["A"], "new", "{form}");
    }
}

#[test]
fn a_config_file_and_a_secret_file() {
    let more = "configs: [{source: app, target: /etc/app.env}], secrets: [token]";
    let compose = format!(
        "{}configs:\n  app: {{file: ./app.env}}\nsecrets:\n  token: {{file: ./token.env}}\n",
        compose(more)
    );
    let files = [("app.env", "A=1\n"), ("token.env", "A=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    for (file, route, name, target) in [
        ("app.env", "config", "app", "/etc/app.env"),
        ("token.env", "secret", "token", "/run/secrets/token"),
    ] {
        let before = stack.containers();
        let answer = stack.refit(&["--json", "set", "A=new", "-F", file]);
        answer
            .exits(0)
            .plans(&[("web", "restart")])
            .because("web", route, &format!("{file} is its {route} {name}"))
            .proves("web", "A", route);
        let after = stack.containers();
        before["web"].was_restarted(&after["web"]);
        before["neighbour"].is_untouched(&after["neighbour"]);
        assert_eq!(stack.exec("web", &["cat", target]), "A=new\n");
    }
}

#[test]
fn a_secret_and_a_config_from_the_environment() {
    let compose = format!(
        "{}configs:\n  app: {{environment: CONF}}\nsecrets:\n  token: {{environment: TOKEN}}\n",
        compose("configs: [app], secrets: [token]")
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "TOKEN=old\nCONF=old\n")]) else {
        return;
    };
    for (key, route, name, target) in [
        ("TOKEN", "secret", "token", "/run/secrets/token"),
        ("CONF", "config", "app", "/app"),
    ] {
        let before = stack.containers();
        let answer = stack.refit(&["--json", "set", &format!("{key}=new")]);
        answer.exits(0).plans(&[("web", "recreate")]).because(
            "web",
            route,
            &format!("its {route} {name} is made from {key}"),
        );
        let after = stack.containers();
        before["web"].was_recreated(&after["web"]);
        before["neighbour"].is_untouched(&after["neighbour"]);
        assert_eq!(stack.exec("web", &["cat", target]), "new");
    }
}

#[test]
fn a_build_argument_needs_a_new_image() {
    let dockerfile = "FROM refit-test/busybox:1\nARG A\nENV BUILT_WITH=$A\n";
    let compose = format!(
        "services:\n  web:\n    build: {{context: ., args: {{A: '${{A}}'}}}}\n    init: true\n    \
         network_mode: none\n    command: sleep infinity\n  neighbour: {}\n",
        idle("")
    );
    let files = [(".env", "A=1\n"), ("Dockerfile", dockerfile)];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.containers();
    assert_eq!(before["web"].env["BUILT_WITH"], "1");
    let answer = stack.refit(&["--json", "set", "A=new"]).exits(0);
    answer
        .plans(&[("web", "rebuild")])
        .because("web", "build", "build uses ${A} from .env");
    let after = stack.containers();
    before["web"].was_recreated(&after["web"]);
    before["neighbour"].is_untouched(&after["neighbour"]);
    assert_eq!(after["web"].env["BUILT_WITH"], "new");
}

#[test]
fn a_file_that_the_build_copies_needs_a_new_image() {
    let dockerfile = "FROM refit-test/busybox:1\nCOPY app.env /app.env\n";
    let compose = format!(
        "services:\n  web:\n    build: .\n    init: true\n    network_mode: none\n    \
         command: sleep infinity\n  neighbour: {}\n",
        idle("")
    );
    let files = [("app.env", "A=1\n"), ("Dockerfile", dockerfile)];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=new", "-F", "app.env"]);
    answer.exits(0).plans(&[("web", "rebuild")]).because(
        "web",
        "build",
        "app.env is copied into its image",
    );
    let after = stack.containers();
    before["neighbour"].is_untouched(&after["neighbour"]);
    assert_eq!(stack.exec("web", &["cat", "/app.env"]), "A=new\n");
    // What refit has built it knows the files of.
    let in_line = "Nothing to do: what runs is what the files say";
    stack
        .refit(&["plan"])
        .exits(0)
        .says(in_line)
        .never_says("Not known");
    stack.write("app.env", "A=by hand\n");
    let text = "the files that its image is built from have changed since refit built it";
    stack.refit(&["status"]).says(text);
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    answer
        .plans(&[("web", "rebuild")])
        .because("web", "build", text);
    assert_eq!(stack.exec("web", &["cat", "/app.env"]), "A=by hand\n");
    stack
        .refit(&["plan"])
        .exits(0)
        .says(in_line)
        .never_says("Not known");
}

#[test]
fn several_routes_at_once_give_the_heaviest_action_and_every_reason() {
    let compose = compose("env_file: .env, volumes: ['./.env:/app/.env']");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "A=new"]).exits(0);
    answer
        .plans(&[("web", "recreate")])
        .because("web", "env_file", ".env is its env_file")
        .because("web", "bind", ".env is mounted at /app/.env")
        .proves("web", "A", "env_file")
        .proves("web", "A", "bind");
}

#[test]
fn a_key_that_reaches_no_service_is_told_and_written() {
    let Some(stack) = TestStack::started(&compose(""), &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.containers();
    stack
        .refit(&["set", "A=new"])
        .exits(0)
        .says("A is not used by any service")
        .says("--for SERVICE");
    let after = stack.containers();
    before["web"].is_untouched(&after["web"]);
    assert_eq!(stack.read(".env"), "A=new\n");
}

#[test]
fn why_says_what_overrides_a_line_and_what_was_meant() {
    let compose = format!(
        "services:\n  filed: {}\n  named: {}\n",
        idle("env_file: [a.env, b.env]"),
        idle("env_file: a.env, environment: {A: '3'}"),
    );
    let files = [("a.env", "A=1\n"), ("b.env", "A=2\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack
        .refit(&["why", "A"])
        .exits(0)
        .has_line(&["a.env:1", "1"])
        .has_line(&["compose.yaml:3", "3", "(environment of named)"])
        .has_line(&["filed", "a.env", "overridden by b.env", "nothing"])
        .has_line(&["filed", "b.env is its env_file", "recreate"])
        .has_line(&[
            "named",
            "a.env",
            "overridden by `environment:` in compose.yaml:3",
            "nothing",
        ]);
    stack.write(".env", "SITE_TITLE=x\n");
    let slip = stack.refit(&["why", "SITE_TITEL"]).exits(0);
    slip.says("did you mean SITE_TITLE?");
}

#[test]
fn why_names_each_route_and_what_runs() {
    let compose = format!(
        "services:\n  bound: {}\n  filed: {}\n  named: {}\n  neighbour: {}\n",
        idle("volumes: ['./.env:/app/.env']"),
        idle("env_file: .env"),
        idle("environment: {A: '${A}'}"),
        idle("")
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    stack.write(".env", "A=2\n");
    stack
        .refit(&["why", "A"])
        .exits(0)
        .has_line(&["set in", ".env:1", "2"])
        .has_line(&["bound", "bind", ".env is mounted at /app/.env", "restart"])
        .has_line(&["filed", "env_file", "recreate", "runs with 1"])
        .has_line(&[
            "named",
            "environment",
            "compose.yaml:4",
            "recreate",
            "runs with 1",
        ])
        .never_says("neighbour");
}
