//! The stable codes of what a person should know and that changes nothing.

use crate::words::words;

words! {
    /// What a note is about, in a word; part of the contract of `--json`.
    #[allow(missing_docs, reason = "the words are those of the notes themselves")]
    pub enum NoteCode {
        Account = "account",
        Baseline = "baseline",
        BuildCache = "build_cache",
        Differs = "differs",
        Edited = "edited",
        EngineAway = "engine_away",
        Evidence = "evidence",
        FailedBefore = "failed_before",
        HookFailed = "hook_failed",
        LeftAsFound = "left_as_found",
        Leftover = "leftover",
        Located = "located",
        Neighbour = "neighbour",
        NewErrors = "new_errors",
        NotCompared = "not_compared",
        NotKnown = "not_known",
        NotMissed = "not_missed",
        NotPruned = "not_pruned",
        NotRemembered = "not_remembered",
        Note = "note",
        NotRunAgain = "not_run_again",
        NotTrusted = "not_trusted",
        NotifyFailed = "notify_failed",
        OutsideWindow = "outside_window",
        PortUnserved = "port_unserved",
        RanOnce = "ran_once",
        Remark = "remark",
        RollingBack = "rolling_back",
        SinceRun = "since_run",
        Undoes = "undoes",
        UndoneBefore = "undone_before",
        Unfinished = "unfinished",
        UnreadKey = "unread_key",
        VolumeKept = "volume_kept",
    }
}

impl NoteCode {
    /// Whether it warns. What is only told - what was chosen, found or left as it should be - does not.
    pub const fn is_warning(self) -> bool {
        match self {
            Self::Account
            | Self::Evidence
            | Self::NotCompared
            | Self::NotMissed
            | Self::OutsideWindow
            | Self::RanOnce
            | Self::Remark
            | Self::RollingBack
            | Self::Undoes => false,
            Self::Baseline
            | Self::BuildCache
            | Self::Differs
            | Self::Edited
            | Self::EngineAway
            | Self::FailedBefore
            | Self::HookFailed
            | Self::LeftAsFound
            | Self::Leftover
            | Self::Located
            | Self::Neighbour
            | Self::NewErrors
            | Self::NotKnown
            | Self::NotPruned
            | Self::NotRemembered
            | Self::Note
            | Self::NotRunAgain
            | Self::NotTrusted
            | Self::NotifyFailed
            | Self::PortUnserved
            | Self::SinceRun
            | Self::UndoneBefore
            | Self::Unfinished
            | Self::UnreadKey
            | Self::VolumeKept => true,
        }
    }
}
