//! A port by its number and its protocol.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A port that somebody serves: `80`, and `53/udp`. Those of TCP come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServedPort {
    /// It is one of UDP, not of TCP.
    pub is_udp: bool,
    /// Its number.
    pub number: u16,
}

impl ServedPort {
    /// One of TCP.
    pub const fn tcp(number: u16) -> Self {
        let is_udp = false;
        Self { is_udp, number }
    }

    /// One of UDP.
    pub const fn udp(number: u16) -> Self {
        let is_udp = true;
        Self { is_udp, number }
    }

    /// As the engine writes it: `80/tcp`, `53/udp`; nothing of other protocols.
    pub fn read(text: &str) -> Option<Self> {
        match text.split_once('/') {
            Some((number, "tcp")) => number.parse().ok().map(Self::tcp),
            Some((number, "udp")) => number.parse().ok().map(Self::udp),
            Some(_) => None,
            None => text.parse().ok().map(Self::tcp),
        }
    }

    /// One of the same protocol.
    #[must_use]
    pub const fn with_number(self, number: u16) -> Self {
        Self { number, ..self }
    }
}

impl fmt::Display for ServedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_udp {
            true => write!(f, "{}/udp", self.number),
            false => write!(f, "{}", self.number),
        }
    }
}

/// A number where it is one of TCP, so that what was written of those alone reads on.
impl Serialize for ServedPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_udp {
            true => serializer.collect_str(self),
            false => serializer.serialize_u16(self.number),
        }
    }
}

impl<'de> Deserialize<'de> for ServedPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl Visitor<'_> for PortVisitor {
    type Value = ServedPort;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port such as 80 or 53/udp")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ServedPort, E> {
        let number = u16::try_from(number).map_err(E::custom)?;
        Ok(ServedPort::tcp(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ServedPort, E> {
        ServedPort::read(text).ok_or_else(|| E::custom(format!("{text} is no port")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_port_is_written_and_read_again() {
        let ports = [ServedPort::tcp(80), ServedPort::udp(53)];
        let written = serde_json::to_string(&ports).unwrap();
        assert_eq!(written, r#"[80,"53/udp"]"#);
        let read: Vec<ServedPort> = serde_json::from_str(&written).unwrap();
        assert_eq!(read, ports);
        let keys: BTreeMap<ServedPort, u8> = ports.into_iter().map(|port| (port, 1)).collect();
        let written = serde_json::to_string(&keys).unwrap();
        assert_eq!(written, r#"{"80":1,"53/udp":1}"#);
        assert_eq!(
            serde_json::from_str::<BTreeMap<ServedPort, u8>>(&written).unwrap(),
            keys
        );
        assert!(serde_json::from_str::<ServedPort>("70000").is_err());
        assert_eq!(ServedPort::read("5/sctp"), None);
    }
}
