package kyverno
import ("testing";"time";"os";"sigs.k8s.io/yaml";"github.com/seatrial/seatrial/simulator/policy";"fmt")
func TestProbeSchema(t *testing.T){
 var s schemas
 for _, f := range []string{"/work/shared/oracles/kyverno-policies/other-mpol/replace-image-registry/replace-image-registry.yaml","/work/shared/oracles/kyverno-policies/pod-security/baseline/disallow-privileged-containers/disallow-privileged-containers.yaml","/work/shared/oracles/kyverno-policies/pod-security-vpol/baseline/disallow-privileged-containers/disallow-privileged-containers.yaml"} {
 b, err := os.ReadFile(f); if err!=nil {t.Fatal(err)}
 j, err := yaml.YAMLToJSON(b); if err!=nil {t.Fatal(err)}
 var m struct{APIVersion, Kind string}
 yaml.Unmarshal(b,&m)
 for i:=0;i<3;i++ {
 st:=time.Now()
 out, err := s.defaulted(policy.Object{APIVersion:m.APIVersion,Kind:m.Kind,JSON:j})
 fmt.Println(m.Kind, time.Since(st), err); if i==0 {fmt.Println(string(out))}
 }}
}
