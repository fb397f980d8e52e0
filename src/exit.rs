//! The exit codes: part of the contract, each reached by an exhaustive match.

use crate::complaint::{Code, Complaint};
use crate::host::signals::Signal;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: refused, or failed before anything was touched; or done, beside something that is a failure.
    Refused,
    /// 2: the command line is wrong.
    Usage,
    /// 3: failed and rolled back, verified.
    RolledBack,
    /// 4: failed and not rolled back: a person is needed.
    NotRolledBack,
    /// 5: another run holds the lock.
    Locked,
    /// 6: in force, and not proven: what was failing before is not well.
    NotProven,
    /// 10: with `--exit-code`, there is something to do.
    SomethingToDo,
    /// 130, 143 or 129: ended by a signal, after the rollback.
    Signal(Signal),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::RolledBack => 3,
            Self::NotRolledBack => 4,
            Self::Locked => 5,
            Self::NotProven => 6,
            Self::SomethingToDo => 10,
            Self::Signal(Signal::HangUp) => 129,
            Self::Signal(Signal::Interrupt) => 130,
            Self::Signal(Signal::Terminate) => 143,
        }
    }
}

/// How a complaint ends the process, where no run began.
pub(crate) fn of_complaint(complaint: &Complaint) -> Exit {
    of_refusal(complaint.code)
}

/// How a refusal ends the process, before a run or while it is assessed.
pub(crate) fn of_refusal(code: Code) -> Exit {
    // By their bare names, for there are many; beside others a name that is no code does not compile.
    use Code::*;
    match code {
        // What the parser of the command line cannot see, such as options that exclude each other.
        Code::Usage => Exit::Usage,
        Code::Locked => Exit::Locked,
        AccountFailed | AmbiguousProject | BadProfile | BadRecipe | BadSchedule | BadSettings
        | BadValue | BindMissing | BuildFailed | CheckFailed | CheckpointGone | ComposeFailed
        | ComposeFromStdin | ComposeTooOld | CutOff | DefinedUpstream | DiskLow | EditUnsafe
        | Edited | EditorFailed | EffectMissing | EndpointUnsupported | EngineError
        | EnginePermission | EnvNotUtf8 | EnvNul | EnvOpenQuote | EnvReference | EnvUnreadable
        | ExistingUsers | FailedBefore | FileAmbiguous | FileNoPlace | FileSyntax | FileValue
        | ForOtherFile | GitBranchGone | GitBusy | GitConflict | GitCredentials | GitDiverged
        | GitFailed | GitMoved | GitNetwork | GitNoSuchRef | GitNoUpstream | GitOwnership
        | GitRewritten | GitUntracked | GuardAnonymous | GuardBind | GuardKey | GuardNoWayBack
        | GuardProject | GuardPublic | GuardStore | GuardVolume | HookFailed | ImageNotFound
        | Interrupted | InvalidAfter | InvalidStack | Io | KeyInvalid | KeyNotRead
        | LocalhostInContainer | MaxFailures | MissingValue | NeedsProvider | NewKey
        | NewService | NoAccount | NoCheckout | NoCompose | NoComposeFile | NoDirectory
        | NoEngine | NoFile | NoGit | NoNetwork | NoOverride | NoPorts | NoReceiver | NoRecipe
        | NoRun | NoScheduler | NoService | NoSuchMode | NoValue | NotAFile | NotAnEnvFile
        | NotFinished | NotMissed | NotScheduled | NothingToKeep | NotSupported | NotUtf8
        | NotWaiting | OnceFailed | OutsideWindow | Overridden | PortInUse | NameInUse
        | Postponed | PullFailed | RefusedByBrowsers | RegistryDenied | RegistryLimit
        | RegistryUnreachable | RemoteInclude | RollbackFailed | SchedulerFailed
        | SecretUnreadable | StackDown | Stale | StartFailed | StateDamaged | StateNewer
        | StateOlder | StateUnreadable | StoreOpen | StoreOtherKind | StorePasswordUnknown
        | StoreUnprotected | UnfinishedEdited | UnfinishedOfAnother | Unhealthy
        | UnknownContext | UnknownParameter | UnknownService | ValueNotExpressible | ValueUnfit
        | VolumeExists | WhichService | WrongArchitecture | YamlAnchorInUse | YamlComplexKey
        | YamlDuplicateKey | YamlFence | YamlInherited | YamlItemMismatch | YamlLimit
        | YamlNoSuchItem | YamlNotation | YamlPath | YamlRecursiveAlias | YamlSeveralDocuments
        | YamlSyntax | YamlTagged | YamlTemplate | YamlUnreadable | YamlValue | YamlWrongKind => {
            Exit::Refused
        }
    }
}
