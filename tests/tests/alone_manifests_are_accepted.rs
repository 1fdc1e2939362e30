//! The API server accepts every overlay, and every component in one.

use tokio::task::block_in_place;
use tracestamp_tests::{CertManager, Shared, Tree, shared};

/// What the overlays leave out.
const REST: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
components:
  - ../../components/self-managed
  - ../../components/client-certificates
  - ../../components/api-server-only
  - ../../components/events
  - ../../components/events-lookup
secretGenerator:
  - name: tracestamp-webhook-tls
    namespace: tracestamp
    type: kubernetes.io/tls
    files: [ca.crt, tls.crt, tls.key]
    options: {disableNameSuffixHash: true}
configMapGenerator:
  - name: tracestamp-client-ca
    namespace: tracestamp
    files: [ca.crt]
";

/// The other component with rights.
const BACKFILL: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
components: [../../components/backfill]
";

#[tokio::test(flavor = "multi_thread")]
async fn every_overlay_and_component_passes_the_api_servers_validation_and_needs_no_role() {
    let Some(shared) = shared() else { return };
    block_in_place(|| {
        let cert_manager = CertManager::start(&shared).unwrap();
        shared.install_crds(&shared.prometheus_module.join("example/prometheus-operator-crd")).unwrap();
        let tree = Tree::copy(&shared).unwrap();
        let mut overlays = tree.overlays().unwrap();
        assert!(overlays.len() >= 3, "{overlays:?}");
        tree.add("rest", REST).unwrap();
        tree.issue("rest").unwrap();
        tree.add("backfill", BACKFILL).unwrap();
        overlays.extend(["rest", "backfill"].map(str::to_owned));
        // What lies in a namespace can only be tried in one that is there.
        let namespace = OwnNamespace::create(&shared);
        for overlay in overlays {
            let rendered = tree.render(&overlay).unwrap();
            let roles = rendered.lines().filter(|line| line.starts_with("kind: ") && line.contains("Role")).count();
            // Of two mutating, two validating and the one of Events, which is listed last.
            let authorities = rendered.lines().filter(|line| line.trim_start().starts_with("caBundle: ")).count();
            assert_eq!(authorities, if overlay == "rest" { 5 } else { 0 }, "{overlay}");
            assert_eq!(roles, if ["backfill", "rest"].contains(&&*overlay) { 2 } else { 0 }, "{overlay}");
            let applied = shared
                .kubectl
                .run_with(&["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"], &rendered);
            let applied = applied.unwrap_or_else(|error| panic!("{overlay}: {error:#}"));
            assert!(applied.contains("mutatingwebhookconfiguration"), "{overlay}: {applied}");
        }
        drop(namespace);
        drop(cert_manager);
    });
}

struct OwnNamespace<'a>(&'a Shared);

impl<'a> OwnNamespace<'a> {
    fn create(shared: &'a Shared) -> Self {
        shared.kubectl.run(&["create", "namespace", "tracestamp"]).unwrap();
        Self(shared)
    }
}

impl Drop for OwnNamespace<'_> {
    fn drop(&mut self) {
        let _ = self.0.kubectl.run(&["delete", "namespace", "tracestamp"]);
    }
}
