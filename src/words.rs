//! How an enum is declared whose cases are words of a contract: each word stands beside its case, and
//! there is a list of all of them that no case can be left out of.

/// Declares such an enum: its cases, their words, both ways between them, and the list of all.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$about:meta])* $case:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$about])* $case,)+ }

        impl $name {
            /// Every one, in the order in which they are declared.
            pub const ALL: &[Self] = &[$(Self::$case,)+];

            /// The word in print, in JSON and on disk.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$case => $word,)+ }
            }

            /// The one with this word; `None`: this program knows no such word.
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$case),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }
    };
}

pub(crate) use words;
