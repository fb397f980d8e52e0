//! Places where tests make a run fail or die. In a build without the feature `failpoints` they are
//! not there.

/// Marks a step boundary by name. With `FAILPOINTS=name=return(kill)` the process dies there as by
/// `kill -9`; with `name=return` the step fails. Stands in functions whose error takes an
/// [`anyhow::Error`].
macro_rules! fault {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name, |argument: Option<String>| {
            if argument.as_deref() == Some("kill") {
                let _ = rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            }
            Err(anyhow::anyhow!("injected fault at {}", $name).into())
        });
    };
}

pub(crate) use fault;
