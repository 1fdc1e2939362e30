//! The kinds of span.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// OpenTelemetry's `SpanKind`. A record has its name, so that a kind added later can be read: as internal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names are OpenTelemetry's own")]
pub enum SpanKind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl SpanKind {
    const ALL: [Self; 5] = [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl Serialize for SpanKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for SpanKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <&str>::deserialize(deserializer)?;
        Ok(Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_its_name_and_an_unknown_one_as_internal() {
        for kind in SpanKind::ALL {
            let written = postcard::to_allocvec(&kind).unwrap();
            assert_eq!(written, postcard::to_allocvec(kind.name()).unwrap());
            assert_eq!(postcard::from_bytes::<SpanKind>(&written).unwrap(), kind);
        }
        let unknown = postcard::to_allocvec("batch").unwrap();
        assert_eq!(postcard::from_bytes::<SpanKind>(&unknown).unwrap(), SpanKind::Internal);
    }
}
