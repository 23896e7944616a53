package suite

// Status is how an expected result compares with the engine's answer.
type Status string

// The statuses. Skipped is an expected skip that came, or a rule that said nothing of the
// resource; Errored a suite or a policy that could not be asked.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	Errored Status = "error"
)

// Row is the answer to one expected result: one entry of results, one resource.
type Row struct {
	Suite     string `json:"suite"` // the file's path
	Name      string `json:"name,omitempty"`
	Policy    string `json:"policy"`
	Rule      string `json:"rule,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Resource  string `json:"resource"`
	Operation string `json:"operation,omitempty"`
	Expected  string `json:"expected"`
	Got       string `json:"got,omitempty"` // outcomes, sorted, each once; empty: the rule said nothing
	Status    Status `json:"status"`
	Reason    string `json:"reason,omitempty"`  // why it failed, or was skipped
	Message   string `json:"message,omitempty"` // what the rule said
}

// Summary counts. Results is the number of rows.
type Summary struct {
	Suites  int `json:"suites"`
	Results int `json:"results"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Errors  int `json:"errors"`
}

// Report is the answer to all suites, in the order of their files. Silent are the files of
// those that expect nothing, Unread why others could not be read.
type Report struct {
	Summary Summary  `json:"summary"`
	Results []Row    `json:"results"`
	Silent  []string `json:"silent,omitempty"`
	Unread  []string `json:"unread,omitempty"`
}

// Add counts the rows of one suite.
func (r *Report) Add(rows []Row) {
	r.Summary.Suites++
	for _, row := range rows {
		r.Summary.Results++
		switch row.Status {
		case Passed:
			r.Summary.Passed++
		case Failed:
			r.Summary.Failed++
		case Skipped:
			r.Summary.Skipped++
		case Errored:
			r.Summary.Errors++
		}
	}
	r.Results = append(r.Results, rows...)
}
