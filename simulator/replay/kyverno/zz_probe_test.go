package kyverno
import ("testing";"os";"path/filepath";"context";"time";"fmt";"strings";"bytes"
"github.com/seatrial/seatrial/simulator/policy")
func TestProbeCorpus(t *testing.T){
 set := &policy.Set{}
 for _, root := range []string{"/work/shared/corpus/policies","/work/shared/oracles/kyverno-policies"} {
 filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
  if err==nil && (strings.HasSuffix(p,".yaml")||strings.HasSuffix(p,".yml")) {
   b,_:=os.ReadFile(p)
   if !bytes.Contains(b,[]byte("policies.kyverno.io/v1")) && !bytes.Contains(b,[]byte("admissionregistration")) {return nil}
   func(){ defer func(){recover()}()
   t.Run("x", func(t *testing.T){ s:=setOf(t,p,bytes.TrimPrefix(b,[]byte("---\n"))); set.Objects=append(set.Objects,s.Objects...)}) }()
  }
  return nil})
 }
 st:=time.Now()
 c:=NewCompiler(Options{At:testClock})
 u,pr,err:=c.compileCEL(context.Background(),set,nil)
 fmt.Println(len(set.Objects),"objects",len(u),"units",len(pr),"problems",err,time.Since(st))
 kinds:=map[string]int{}
 for _,o:=range set.Objects{kinds[o.APIVersion+" "+o.Kind]++}
 fmt.Println(kinds)
 for _,p:=range pr { fmt.Println(p.File,p.Policy,strings.ReplaceAll(p.Reason,"\n"," ")[:min(300,len(p.Reason))]) }
 st=time.Now(); c.compileCEL(context.Background(),set,nil); fmt.Println("again",time.Since(st))
}
