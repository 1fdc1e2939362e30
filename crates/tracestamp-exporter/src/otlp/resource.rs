//! What an operator adds to the records' resources.

use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use percent_encoding::percent_decode_str;
use thiserror::Error;
use tracestamp_core::span::Attribute;

use super::{key_value, key_values};

const SERVICE_NAME: &str = "service.name";

/// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` (OpenTelemetry specification, "Resource SDK").
///
/// As there, what a record says of itself wins over the attributes, and the service name wins over both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResourceSettings {
    attributes: Vec<(String, String)>,
    service_name: Option<String>,
}

/// A list is malformed. The text is not quoted, for lists of headers hold secrets.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("item {0} is not of the form key=value with other characters percent-encoded")]
pub struct InvalidAttributes(usize);

impl ResourceSettings {
    /// Takes the values of the two variables; empty means unset.
    pub fn new(attributes: &str, service_name: &str) -> Result<Self, InvalidAttributes> {
        Ok(Self {
            attributes: pairs(attributes)?,
            service_name: (!service_name.is_empty()).then(|| service_name.to_owned()),
        })
    }

    pub(super) fn resource(&self, own: &[Attribute<'_>]) -> Resource {
        let mut attributes: Vec<_> = key_values(own).collect();
        let service_name = self.service_name.as_deref().map(|name| (SERVICE_NAME, name));
        if service_name.is_some() {
            attributes.retain(|attribute| attribute.key != SERVICE_NAME);
        }
        let added = self.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in service_name.into_iter().chain(added) {
            if attributes.iter().all(|attribute| attribute.key != key) {
                attributes.push(key_value(key, OtlpValue::StringValue(value.to_owned())));
            }
        }
        Resource { attributes, ..Resource::default() }
    }
}

/// Reads the list form that resource attributes and OTLP headers share: W3C baggage without properties.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, InvalidAttributes> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .enumerate()
        .map(|(index, item)| {
            let invalid = || InvalidAttributes(index + 1);
            let (key, value) = item.split_once('=').ok_or_else(invalid)?;
            let decode = |part: &str| percent_decode_str(part.trim()).decode_utf8().map(String::from);
            let (key, value) = (decode(key).map_err(|_| invalid())?, decode(value).map_err(|_| invalid())?);
            if key.is_empty() { Err(invalid()) } else { Ok((key, value)) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_decoded_and_spaces_around_them_dropped() {
        assert_eq!(
            pairs("a=b, k8s.cluster.name = east%2Cwest%20%3D ,,").unwrap(),
            [("a".to_owned(), "b".to_owned()), ("k8s.cluster.name".to_owned(), "east,west =".to_owned())]
        );
        assert_eq!(pairs("").unwrap(), []);
    }

    #[test]
    fn a_malformed_list_is_refused_by_the_place_of_the_first_bad_item() {
        for (text, place) in [("secret", 1), ("=secret", 1), ("a=b,secret", 2), ("a=%ff", 1)] {
            assert_eq!(pairs(text), Err(InvalidAttributes(place)), "{text}");
        }
    }
}
