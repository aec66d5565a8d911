// Checks a log that write_ct_log wrote, with golang.org/x/mod, transparency-dev/merkle and
// google/certificate-transparency-go, none of which was written here.
//
//	go run check_ct_log.go FOLDER
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

var folder string

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(err error, what ...any) {
	if err != nil {
		log.Fatal(fmt.Sprint(what...), ": ", err)
	}
}

func read(name string) []byte { return must(os.ReadFile(filepath.Join(folder, name))) }

func lines(name string) []string {
	return strings.Split(strings.TrimSuffix(string(read(name)), "\n"), "\n")
}

func unbase64(text string) []byte { return must(base64.StdEncoding.DecodeString(text)) }

// tlog names tiles with their height; logs of height 8 do not.
func tilePath(t tlog.Tile) string { return "tile/" + strings.TrimPrefix(t.Path(), "tile/8/") }

type tiles struct{}

func (tiles) Height() int { return tileHeight }
func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range wanted {
		data, err := os.ReadFile(filepath.Join(folder, tilePath(t)))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// The keys of the file "keys", by the first byte of their material.
type keys struct {
	verifier                 note.Verifier // 0x01
	treeHead                 *ct.SignatureVerifier
	treeHeadName, treeHeadID string
	cosigner                 ed25519.PublicKey
	cosignerName, cosignerID string
}

func readKeys() keys {
	var out keys
	for _, vkey := range lines("keys") {
		parts := strings.SplitN(vkey, "+", 3)
		material := unbase64(parts[2])
		switch material[0] {
		case 0x01:
			out.verifier = must(note.NewVerifier(vkey))
		case 0x04:
			out.cosigner, out.cosignerName, out.cosignerID = material[1:], parts[0], parts[1]
		case 0x05:
			out.treeHead = must(ct.NewSignatureVerifier(must(x509.ParsePKIXPublicKey(material[1:]))))
			out.treeHeadName, out.treeHeadID = parts[0], parts[1]
		}
	}
	return out
}

// The checkpoint of a size, with all its signatures that Go knows.
func (k keys) open(size string) tlog.Tree {
	raw := read("checkpoints/" + size)
	n := must(note.Open(raw, note.VerifierList(k.verifier)))
	text := strings.Split(n.Text, "\n")
	tree := tlog.Tree{N: must(strconv.ParseInt(text[1], 10, 64))}
	copy(tree.Hash[:], unbase64(text[2]))
	seen := 0
	for _, s := range n.UnverifiedSigs {
		signature := unbase64(s.Base64)[4:]
		id := fmt.Sprintf("%08x", s.Hash)
		time := binary.BigEndian.Uint64(signature)
		if s.Name == k.treeHeadName && id == k.treeHeadID {
			sth := ct.SignedTreeHead{Version: ct.V1, TreeSize: uint64(tree.N), Timestamp: time,
				SHA256RootHash: ct.SHA256Hash(tree.Hash)}
			rest := must(tls.Unmarshal(signature[8:], &sth.TreeHeadSignature))
			if len(rest) != 0 {
				log.Fatal("bytes after a tree head signature")
			}
			check(k.treeHead.VerifySTHSignature(sth), "tree head ", size)
			seen++
		}
		if s.Name == k.cosignerName && id == k.cosignerID {
			message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, n.Text)
			if !ed25519.Verify(k.cosigner, []byte(message), signature[8:]) {
				log.Fatal("cosignature of ", size)
			}
			seen++
		}
	}
	if seen != 2 {
		log.Fatal("signature lines are missing from ", size)
	}
	return tree
}

func checkEntries(k keys, tree tlog.Tree, hashes tlog.HashReader) []tlog.Hash {
	var leaves []tlog.Hash
	for i, line := range lines("entries") {
		parts := strings.Split(line, " ")
		leaf := ct.LeafEntry{LeafInput: unbase64(parts[0]), ExtraData: unbase64(parts[1])}
		hash := tlog.RecordHash(leaf.LeafInput)
		leaves = append(leaves, hash)
		stored := must(hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(i))}))
		if stored[0] != hash {
			log.Fatal("tiles have another leaf than entry ", i)
		}
		entry := must(ct.LogEntryFromLeaf(int64(i), &leaf))
		precert := i%3 == 2
		if (entry.Precert != nil) != precert || (entry.X509Cert != nil) == precert || len(entry.Chain) != 1 {
			log.Fatal("entry ", i, " has other contents")
		}
		var sct ct.SignedCertificateTimestamp
		if rest := must(tls.Unmarshal(unbase64(parts[2]), &sct)); len(rest) != 0 {
			log.Fatal("bytes after an SCT")
		}
		check(k.treeHead.VerifySCTSignature(sct, *entry), "SCT ", i)
	}
	if int64(len(leaves)) != tree.N {
		log.Fatal("the log has ", tree.N, " entries")
	}
	return leaves
}

func checkProofs(leaves []tlog.Hash, hashes tlog.HashReader) int {
	count := 0
	roots := map[int64]tlog.Hash{}
	root := func(size int64) []byte {
		if _, known := roots[size]; !known {
			roots[size] = must(tlog.TreeHash(size, hashes))
		}
		hash := roots[size]
		return hash[:]
	}
	for _, line := range lines("proofs") {
		parts := strings.Split(line, " ")
		a, b := must(strconv.ParseInt(parts[1], 10, 64)), must(strconv.ParseInt(parts[2], 10, 64))
		var ours [][]byte
		for _, hash := range parts[3:] {
			ours = append(ours, unbase64(hash))
		}
		var theirs []tlog.Hash
		if parts[0] == "inclusion" {
			check(proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(a), uint64(b), leaves[a][:], ours, root(b)), line)
			theirs = must(tlog.ProveRecord(b, a, hashes))
		} else {
			check(proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(a), uint64(b), ours, root(a), root(b)), line)
			theirs = must(tlog.ProveTree(b, a, hashes))
		}
		if len(theirs) != len(ours) {
			log.Fatal("a proof has another length: ", line)
		}
		for i := range ours {
			if !bytes.Equal(ours[i], theirs[i][:]) {
				log.Fatal("a proof has another hash: ", line)
			}
		}
		count++
	}
	return count
}

func main() {
	folder = os.Args[1]
	k := readKeys()
	var sizes []int
	for _, file := range must(os.ReadDir(filepath.Join(folder, "checkpoints"))) {
		sizes = append(sizes, must(strconv.Atoi(file.Name())))
	}
	sort.Ints(sizes)
	last := k.open(strconv.Itoa(sizes[len(sizes)-1]))
	hashes := tlog.TileHashReader(last, tiles{})

	before := tlog.Tree{}
	for _, size := range sizes {
		tree := k.open(strconv.Itoa(size))
		if must(tlog.TreeHash(tree.N, hashes)) != tree.Hash {
			log.Fatal("the tiles have another root for size ", size)
		}
		if before.N > 0 {
			p := must(tlog.ProveTree(tree.N, before.N, hashes))
			check(tlog.CheckTree(p, tree.N, tree.Hash, before.N, before.Hash), "growth to ", size)
		}
		for _, t := range tlog.NewTiles(tileHeight, before.N, tree.N) {
			if !bytes.Equal(must(tlog.ReadTileData(t, hashes)), read(tilePath(t))) {
				log.Fatal(tilePath(t), " has other hashes")
			}
		}
		before = tree
	}
	leaves := checkEntries(k, last, hashes)
	fmt.Println(len(sizes), "checkpoints,", len(leaves), "entries and", checkProofs(leaves, hashes), "proofs verified by Go")
}
