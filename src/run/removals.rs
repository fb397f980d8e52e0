//! What is seen of services that a run removes.

use super::transaction::Transaction;
use crate::event::{Action, How, Route, ServiceName};
use crate::failure::Failure;
use crate::health::effect::{Expected, ExpectedValue, Proof};

impl Transaction<'_> {
    /// That services which are no longer in the files have no container any more.
    pub(super) async fn removals(&self) -> Result<(), Failure> {
        let steps = self.assessment.plan.steps.iter();
        let removed = steps.filter(|step| step.action == Action::Remove);
        let removed: Vec<&ServiceName> = removed.map(|step| &step.service).collect();
        if removed.is_empty() {
            return Ok(());
        }
        let all = self.place.docker.compose_containers().await?;
        let left = crate::stack::of_project(&all, &self.assessment.after.name);
        for service in removed {
            let expected = Expected {
                service: service.clone(),
                route: Route::Definition,
                key: String::new(),
                wanted: ExpectedValue::NewContainer,
            };
            let ok = !left.iter().any(|one| one.service == *service);
            let what = match ok {
                true => "removed",
                false => "is to be removed, and still has a container",
            };
            let proof = Proof {
                ok,
                how: How::Inspect,
                what: what.to_owned(),
            };
            self.tell_effect(&expected, &proof)?;
        }
        Ok(())
    }
}
