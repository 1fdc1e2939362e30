//! Reading a trace context from the forms that creators write it in.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};

use super::tracestate::acceptable;
use super::{SpanId, TraceFlags, TraceId, Traceparent};
use crate::CarrierFormat;
use crate::object::Text;

/// The longest carrier that is read, in bytes: the bound Tekton sets to its own (`getMarshalledSpanFromContext`).
pub const CARRIER_LIMIT: usize = 1024;

/// A creator's trace context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried<'a> {
    /// Trace, span and flags. Without a decision of the creator's the sampled flag is not set.
    pub context: Traceparent,
    /// Whether the creator decided about sampling; B3 may leave it open.
    pub decided: bool,
    /// `tracestate`, empty when there is none.
    pub tracestate: Cow<'a, str>,
    /// The creator's `tracestate` was too long or malformed and is left out.
    pub tracestate_dropped: bool,
    /// `baggage` of a JSON carrier, passed on to Tekton only.
    pub baggage: Option<Cow<'a, str>>,
}

impl<'a> Carried<'a> {
    fn of(context: Traceparent) -> Self {
        Self { context, decided: true, tracestate: "".into(), tracestate_dropped: false, baggage: None }
    }

    /// Reads a carrier; `None` when it is malformed.
    pub fn parse(format: CarrierFormat, value: &'a str) -> Option<Self> {
        match format {
            CarrierFormat::W3c => Traceparent::parse(value.trim()).ok().map(Self::of),
            CarrierFormat::Json => json(value),
            CarrierFormat::B3 => b3(value.trim()),
            CarrierFormat::Binary => binary(value.trim()),
        }
    }

    /// The same without borrowing; carriers are read when an object is created only.
    pub fn into_owned(self) -> Carried<'static> {
        Carried {
            tracestate: Cow::Owned(self.tracestate.into_owned()),
            baggage: self.baggage.map(|baggage| Cow::Owned(baggage.into_owned())),
            ..Carried::of(self.context)
        }
        .with(self.decided, self.tracestate_dropped)
    }

    fn with(self, decided: bool, tracestate_dropped: bool) -> Self {
        Self { decided, tracestate_dropped, ..self }
    }

    /// The same with the creator's `tracestate`, if that can be taken over.
    #[must_use]
    pub fn with_tracestate(self, tracestate: Cow<'a, str>) -> Self {
        if acceptable(&tracestate) { Self { tracestate, ..self } } else { Self { tracestate_dropped: true, ..self } }
    }
}

impl Traceparent {
    /// Tekton's carrier with this context; an empty `tracestate` is none.
    pub(crate) fn to_json(self, tracestate: &str, baggage: Option<&str>) -> Option<String> {
        #[derive(Serialize)]
        struct Fields<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            baggage: Option<&'a str>,
            traceparent: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            tracestate: &'a str,
        }
        let text = self.text();
        let traceparent = str::from_utf8(&text).ok()?;
        serde_json::to_string(&Fields { baggage, traceparent, tracestate }).ok()
    }
}

/// Tekton's JSON object of propagation fields (`tektoncd/pipeline` `pkg/reconciler/pipelinerun/tracing.go`).
fn json(value: &str) -> Option<Carried<'_>> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        traceparent: Text<'a>,
        #[serde(borrow)]
        tracestate: Option<Text<'a>>,
        #[serde(borrow)]
        baggage: Option<Text<'a>>,
    }
    let fields: Fields<'_> = serde_json::from_str(value).ok()?;
    let carried = Carried::of(Traceparent::parse(&fields.traceparent).ok()?);
    let carried = carried.with_tracestate(fields.tracestate.unwrap_or_default().into_cow());
    Some(Carried { baggage: fields.baggage.map(Text::into_cow), ..carried })
}

/// B3 in one value, `{trace id}-{span id}[-{sampled}[-{parent span id}]]` (openzipkin/b3-propagation).
fn b3(value: &str) -> Option<Carried<'_>> {
    let mut parts = value.split('-');
    let trace = parts.next()?;
    // A trace id of 64 bits is the low half of one of 128.
    let trace = if trace.len() == 16 { TraceId::parse(&format!("{trace:0>32}"))? } else { TraceId::parse(trace)? };
    let span_id = SpanId::parse(parts.next()?)?;
    let (sampled, decided) = match parts.next() {
        Some("1" | "d") => (true, true),
        Some("0") => (false, true),
        None => (false, false),
        Some(_) => return None,
    };
    if parts.next().is_some_and(|parent| SpanId::parse(parent).is_none()) || parts.next().is_some() {
        return None;
    }
    let context = Traceparent { trace_id: trace, span_id, flags: TraceFlags::default().with_sampled(sampled) };
    Some(Carried { decided, ..Carried::of(context) })
}

/// Base64 of OpenCensus' binary format (census-instrumentation/opencensus-specs, `encodings/BinaryEncoding.md`):
/// version 0, then field 0 of 16 bytes, field 1 of 8, field 2 of 1.
fn binary(value: &str) -> Option<Carried<'_>> {
    let bytes = STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).ok()?;
    let (&[0, 0], rest) = bytes.split_first_chunk()? else { return None };
    let (trace, rest) = rest.split_first_chunk::<16>()?;
    let (&[1], rest) = rest.split_first_chunk()? else { return None };
    let (span, rest) = rest.split_first_chunk::<8>()?;
    let flags = match rest {
        [] => TraceFlags::default(),
        &[2, options] => TraceFlags::default().with_sampled(options & 1 != 0),
        _ => return None,
    };
    let context = Traceparent { trace_id: TraceId::from_bytes(*trace)?, span_id: SpanId::from_bytes(*span)?, flags };
    Some(Carried::of(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(format: CarrierFormat, value: &str) -> Option<String> {
        Carried::parse(format, value).map(|carried| carried.context.to_string())
    }

    #[test]
    fn each_form_gives_the_context_it_holds() {
        let binary = STANDARD.encode(
            [
                &[0, 0][..],
                &TraceId::parse(&W3C[3..35]).unwrap().bytes(),
                &[1],
                &SpanId::parse(&W3C[36..52]).unwrap().bytes(),
                &[2, 1],
            ]
            .concat(),
        );
        for (format, value) in [
            (CarrierFormat::W3c, W3C.to_owned()),
            (CarrierFormat::Json, format!(r#"{{"traceparent":"{W3C}","other":"x"}}"#)),
            (CarrierFormat::B3, "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1-05e3ac9a4f6e3b90".to_owned()),
            (CarrierFormat::B3, "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-d".to_owned()),
            (CarrierFormat::Binary, binary.clone()),
            (CarrierFormat::Binary, binary.trim_end_matches('=').to_owned()),
        ] {
            assert_eq!(read(format, &value).as_deref(), Some(W3C), "{value}");
        }
    }

    #[test]
    fn malformed_carriers_give_nothing() {
        for (format, values) in [
            (CarrierFormat::W3c, &["", "00-x", "{}"][..]),
            (
                CarrierFormat::Json,
                &["", "{}", "[]", r#"{"traceparent":1}"#, r#"{"Traceparent":"x"}"#, "{\"traceparent\":\"00-0\"}"],
            ),
            (
                CarrierFormat::B3,
                &[
                    "0",
                    "",
                    "4bf92f3577b34da6a3ce929d0e0e4736",
                    "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-x",
                    "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1-05e3ac9a4f6e3b90-z",
                ],
            ),
            (CarrierFormat::Binary, &["", "AAAA", "AQAA", "!!"]),
        ] {
            for value in values {
                assert_eq!(read(format, value), None, "{format:?} {value}");
            }
        }
    }

    #[test]
    fn b3_may_be_short_and_leave_the_decision_open() {
        let carried = Carried::parse(CarrierFormat::B3, "a3ce929d0e0e4736-00f067aa0ba902b7").unwrap();
        assert_eq!(carried.context.trace_id.to_string(), "0000000000000000a3ce929d0e0e4736");
        assert!(!carried.decided);
    }

    #[test]
    fn an_unfit_tracestate_is_left_out_and_the_context_kept() {
        let value = format!(r#"{{"traceparent":"{W3C}","tracestate":"{}"}}"#, "x".repeat(600));
        let carried = Carried::parse(CarrierFormat::Json, &value).unwrap();
        assert!(carried.tracestate_dropped);
        assert_eq!(carried.tracestate, "");
    }
}
