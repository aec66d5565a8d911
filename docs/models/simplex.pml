/*
 * The rules of docs/consensus.md with four validators, one of which lies, in Promela:
 *
 *   spin -a simplex.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
 *
 * Votes are facts that everybody may learn at any moment, or never: that is every network. The liar's
 * vote is there for every statement from the start, so a quorum is two of the three honest ones. A
 * crash sets a validator back to the first view; its votes are on its disk and stay.
 *
 * Checked: what is sealed later contains what was sealed before; no honest validator signs votes that
 * contradict each other.
 */
#ifndef VIEWS
#define VIEWS 3
#endif
#define HONEST 3
#define QUORUM 2  /* of the honest ones; the liar makes three of four */

/* In each view there is nothing, A or B; only the liar, who leads view LIAR, shows both. */
#define NONE 0
#define A 1
#define B 2
#ifndef LIAR
#define LIAR 1
#endif

typedef view_t {
  byte notarize[HONEST];  /* for NONE, A or B */
  bit nullify[HONEST];
  byte finalize[HONEST];
  bit shown[3];           /* proposals */
  byte parent_view[3];
  byte parent[3];
}
view_t views[VIEWS + 1];
byte view[HONEST];  /* where each of them is */
byte crashes = 1;

#define NOTARIZED(v, b) \
  ((views[v].notarize[0] == b) + (views[v].notarize[1] == b) + (views[v].notarize[2] == b) >= QUORUM)
#define NULLIFIED(v) (views[v].nullify[0] + views[v].nullify[1] + views[v].nullify[2] >= QUORUM)
#define SEALED(v, b) \
  ((views[v].finalize[0] == b) + (views[v].finalize[1] == b) + (views[v].finalize[2] == b) >= QUORUM)

/* A proposal of view v on top of b in view p, when everything in between was given up. */
inline propose(v, block) {
  atomic {
    byte p = v - 1;
    bit justified = 1;
    do
    :: p > 0 && justified ->
       if
       :: NOTARIZED(p, A) -> break
       :: NOTARIZED(p, B) -> break
       :: NULLIFIED(p) -> p--
       :: else -> justified = 0
       fi
    :: else -> break
    od;
    if
    :: justified && !views[v].shown[block] ->
       if
       :: p == 0 -> views[v].parent[block] = NONE
       :: p > 0 && NOTARIZED(p, A) -> views[v].parent[block] = A
       :: p > 0 && NOTARIZED(p, B) -> views[v].parent[block] = B
       fi;
       views[v].parent_view[block] = p;
       views[v].shown[block] = 1
    :: else
    fi;
    p = 0; justified = 0
  }
}

proctype leader(byte v) {
  propose(v, A)
}

proctype liar() {
  do
  :: !views[LIAR].shown[A] -> propose(LIAR, A)
  :: !views[LIAR].shown[B] -> propose(LIAR, B)
  :: views[LIAR].shown[A] && views[LIAR].shown[B] -> break
  :: break
  od
}

proctype validator(byte i) {
  byte v;
end:
  do
  :: atomic {
       view[i] <= VIEWS ->
       v = view[i];
       if
       /* Rule 2: vote for a proposal. */
       :: views[v].shown[A] && views[v].notarize[i] == NONE && !views[v].nullify[i] &&
          views[v].finalize[i] != B -> views[v].notarize[i] = A
       :: views[v].shown[B] && views[v].notarize[i] == NONE && !views[v].nullify[i] &&
          views[v].finalize[i] != A -> views[v].notarize[i] = B
       /* Rule 4: waited too long. */
       :: !views[v].nullify[i] && views[v].finalize[i] == NONE -> views[v].nullify[i] = 1
       /* Rule 3: a notarization is seen; finalize if that contradicts nothing, and go on. */
       :: NOTARIZED(v, A) ->
          if
          :: !views[v].nullify[i] && views[v].notarize[i] != B && views[v].finalize[i] == NONE ->
             views[v].finalize[i] = A
          :: else
          fi;
          view[i] = v + 1
       :: NOTARIZED(v, B) ->
          if
          :: !views[v].nullify[i] && views[v].notarize[i] != A && views[v].finalize[i] == NONE ->
             views[v].finalize[i] = B
          :: else
          fi;
          view[i] = v + 1
       :: NULLIFIED(v) -> view[i] = v + 1
       :: crashes > 0 && v > 1 -> crashes--; view[i] = 1
       fi;
       assert(!(views[v].nullify[i] && views[v].finalize[i] != NONE));
       assert(views[v].finalize[i] == NONE || views[v].notarize[i] == NONE ||
              views[v].finalize[i] == views[v].notarize[i]);
       v = 0
     }
  od
}

/* What is sealed in view w contains what is sealed in an earlier view v. */
proctype observer() {
  byte w, v, at, block, sealed;
  atomic {
    w = 2;
    do
    :: w <= VIEWS ->
       block = NONE;
       if
       :: SEALED(w, A) -> block = A
       :: SEALED(w, B) -> block = B
       :: else
       fi;
       if
       :: block != NONE ->
          v = 1;
          do
          :: v < w ->
             sealed = NONE;
             if
             :: SEALED(v, A) -> sealed = A
             :: SEALED(v, B) -> sealed = B
             :: else
             fi;
             if
             :: sealed != NONE ->
                byte b = block;
                at = w;
                do
                :: at > v ->
                   byte up = views[at].parent_view[b];
                   b = views[at].parent[b];
                   at = up
                :: else -> break
                od;
                assert(at == v && b == sealed);
                b = 0; up = 0
             :: else
             fi;
             v++
          :: else -> break
          od
       :: else
       fi;
       w++
    :: else -> break
    od;
    assert(!(SEALED(1, A) && SEALED(1, B)))
  }
}

init {
  byte i;
  atomic {
    for (i : 0 .. HONEST - 1) {
      view[i] = 1;
      run validator(i)
    }
    for (i : 1 .. VIEWS) {
      if
      :: i != LIAR -> run leader(i)
      :: else
      fi
    }
    run liar();
    run observer()
  }
}
