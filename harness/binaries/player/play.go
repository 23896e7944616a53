package player

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// play answers on the ports until it is told to stop. A port that another process of the pod or
// the node has already is left to it.
func play(ports []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	for _, p := range ports {
		l, err := net.Listen("tcp", ":"+p)
		if err != nil {
			continue
		}
		go serve(l)
	}
	<-ctx.Done()
	return nil
}

// serve answers HTTP/1, HTTP/2 and gRPC, in the clear and by TLS, on one listener: the first
// byte of a connection tells.
func serve(l net.Listener) {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: http.HandlerFunc(well), Protocols: &protocols, TLSConfig: &tls.Config{GetCertificate: certificate}}
	plain, secure := newQueue(l), newQueue(l)
	go func() { _ = server.Serve(plain) }()
	go func() { _ = server.ServeTLS(secure, "", "") }()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go dispatch(conn, plain, secure)
	}
}

func dispatch(conn net.Conn, plain, secure *queue) {
	c := &peeked{Conn: conn, r: bufio.NewReader(conn)}
	first, err := c.r.Peek(1)
	switch {
	case err != nil: // whoever only looks whether the port is open says nothing
		conn.Close()
	case first[0] == 0x16: // a TLS record with a handshake
		secure.conns <- c
	default:
		plain.conns <- c
	}
}

// well says that all is well, also to gRPC's health check.
func well(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 0x08, 1}) // one message, uncompressed, of two bytes: status SERVING
	w.Header().Set("Grpc-Status", "0")
}

// certificate is made when the first caller wants one: kubelets do not verify it.
var certificate = func() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	made := sync.OnceValues(selfSigned)
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return made() }
}()

func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(10, 0, 0), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// A peeked connection has had its first byte looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// A queue is a listener of the connections that are handed to it.
type queue struct {
	net.Listener
	conns chan net.Conn
}

func newQueue(l net.Listener) *queue       { return &queue{Listener: l, conns: make(chan net.Conn)} }
func (q *queue) Accept() (net.Conn, error) { return <-q.conns, nil }
func (q *queue) Close() error              { return nil }
