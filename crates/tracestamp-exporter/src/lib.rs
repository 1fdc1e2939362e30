//! tracestamp exporter
