//! What refit promises, a module per promise: through the binary, on a real engine.

// A test's own functions may fail it, and its figures are its output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

/// Says that the test that is running cannot be done here, and why; it is told again at the end of all.
macro_rules! skipped {
    ($($why:tt)*) => { $crate::note_skipped(&format!($($why)*)) };
}

// What tests stand on: stacks, applications, servers.
mod applications;
mod cron;
mod demo;
mod faulty;
mod imaged;
mod papers;
mod real_systemd;
mod receiver;
mod sixty_nights;
mod slips;
mod stack;

// Promises.
mod answering;
mod as_compose_does;
mod belongs;
mod corpus;
mod corpus_keys;
mod damage;
mod disk_full;
mod doctor;
mod documents;
mod dotenv_compose;
mod drift;
mod edit_command;
mod edit_env;
mod edit_env_more;
mod edit_yaml;
mod engine_death;
mod evidence;
mod facts;
mod failures;
mod faults;
mod fence;
mod file_kinds;
mod followers;
mod forget;
mod further_back;
mod guards;
mod help;
mod hints;
mod history;
mod house;
mod hundred;
mod images;
mod json;
mod keep_secrets;
mod kept_images;
mod keys;
mod locate;
mod lock;
mod neighbours;
mod new_errors;
mod nights;
mod notify;
mod once;
mod one_way;
mod own_layer;
mod plan;
mod random_kills;
mod random_services;
mod real_applications;
mod recipes;
mod recipes_applications;
mod recipes_existing;
mod recipes_librechat;
mod recipes_open_webui;
mod recipes_plans;
mod recipes_store;
mod recipes_typed;
mod recovery;
mod references;
mod refusals;
mod routes;
mod schedule;
mod schedule_timers;
mod screens;
mod secrets;
mod secrets_corpus;
mod stored_values;
mod strategy;
mod systemd;
mod terminal;
mod trust;
mod twin;
mod two_runs;
mod typed_text;
mod undoing;
mod upgrade;
mod upgrade_by_hand;
mod upgrade_cache;
mod upgrade_data;
mod upgrade_faults;
mod upgrade_files;
mod upgrade_hooks;
mod upgrade_images;
mod upgrade_images_edges;
mod upgrade_index;
mod upgrade_links;
mod upgrade_news;
mod upgrade_refusals;
mod upgrade_stores;
mod upgrade_targets;
mod variables;
mod verdicts;
mod waits;
mod watch;
mod way_back;
mod witness;
mod yaml_compose;
mod yaml_corpus;

fn note_skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    println!("skipped: {why}");
    // scripts/test collects what tests that pass say nowhere else.
    if let Some(list) = std::env::var_os("REFIT_TEST_SKIPPED") {
        let line = format!("{test}: {why}\n");
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(list);
        std::io::Write::write_all(&mut file.unwrap(), line.as_bytes()).unwrap();
    }
}
