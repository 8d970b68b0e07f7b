"""draft"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brickwork.objective import Objective, front
from brickwork.predictor import Encoder, Predictor
from brickwork.quantity import metric
from brickwork.space import Arch
from brickwork.strategies.base import Asked, Problem
from brickwork.trial import Proposal, State, Trial, rng_for

Array = NDArray[np.float64]
__all__ = ["Auto"]
_FLOOR = 0.002
OPT = dict(power=1.0, refq=0.9, costq=1.0, exact=0, dirs=64, spread=1.0, clip=1.5, strata=0.5, diverse=30, kids=24, poolscore=2000)


class Auto:
    def __init__(self, problem, seed, *, low=0.25, starts=10, samples=1500, explore=0.1, promote=1/3, **opt):
        self.o = {**OPT, **opt}
        self.problem, self.seed, self.low = problem, seed, low
        self.nstarts, self.samples, self.explore, self.promote = starts, samples, explore, promote
        self.asked = Asked(problem, seed)
        self.count = 0
        self.encoder = Encoder(problem.space)
        self.predictor = None
        self.X = None; self.names = None; self.pool_F = []
        self.starts = []
        self.rows, self.y, self.h, self.archs = [], [], [], []
        self.pending = {}
        self.fitted_n = -1

    # survey
    def survey(self):
        rng = rng_for(self.seed, "strategy", "survey")
        space = self.problem.space
        small, large = space.extremes()
        archs = {a.id: a for a in (small, large)}
        for i in range(self.samples):
            a = space.sample(rng)
            if i % 4 == 1: a = space.cross(small, a, rng)
            if i % 4 == 3: a = space.cross(large, a, rng)
            archs[a.id] = a
        self.pool_archs, self.pool_costs = [], []
        self.add(list(archs.values()))
        self.costnames = self.names
        # starts
        F = np.array(self.pool_F)
        c = self.size(F)
        hi = np.quantile(c, self.o['costq']) ; lo = c.min()
        order = np.argsort(c); q = np.empty(len(c)); q[order] = np.arange(len(c)) / len(c)
        pos = self.o['strata'] * q + (1 - self.o['strata']) * np.clip((c - lo) / max(hi - lo, 1e-9), 0, 1)
        X = self.X[:, :self.encoder.categorical]
        n = self.nstarts
        chosen = []
        for s in range(n):
            a, b = pos.max() * s / n, pos.max() * (s + 1) / n
            inside = np.flatnonzero((pos >= a) & (pos <= b))
            if len(inside) == 0: continue
            cand = rng.choice(inside, min(self.o['diverse'], len(inside)), replace=False)
            if chosen:
                m = (X[cand] @ X[chosen].T).max(1)
                chosen.append(int(cand[np.argmin(m)]))
            else: chosen.append(int(cand[0]))
        order = rng.permutation(len(chosen))
        self.starts = [self.pool_archs[chosen[i]] for i in order]

    def size(self, F):
        j = [i for i, o in enumerate(self.problem.objectives) if o.metric in self.names]
        k = self.names.index(self.problem.objectives[j[0]].metric) if j else 0
        return F[:, k]

    def add(self, archs):

        good = []
        for a in archs:
            k, v = self.problem.forecast(a)
            if v > 0: continue
            if self.names is None: self.names = list(k)
            good.append(a); self.pool_F.append([np.log(max(k[n].value, 1e-12)) for n in self.names])
        self.pool_archs += good
        if good:
            E = self.encoder.encode(good)
            X = np.hstack([E, np.array(self.pool_F[-len(good):])])
            self.X = X if self.X is None else np.vstack([self.X, X])
        return len(good)

    def ask(self, n):
        out = []
        for _ in range(n):
            p = self._next()
            self.count += 1
            if p is not None: out.append(Proposal(p))
        return out

    def _next(self):
        rng = rng_for(self.seed, "strategy", self.count)
        if self.X is None: self.survey()
        while self.starts:
            a = self.starts.pop(0)
            if a not in self.asked:
                self.asked.note(a); self.pend(a); return a
        if len(self.y) < 4 or rng.random() < self.explore:
            a = self.asked.fresh(rng)
            if a is not None: self.pend(a)
            return a
        a = self.guided(rng)
        if a is None: a = self.asked.fresh(rng)
        else: self.asked.note(a)
        if a is not None: self.pend(a)
        return a

    def pend(self, a):
        self.pending[a.id] = a

    def tell(self, t):
        a = t.proposal.arch
        self.asked.note(a); self.pending.pop(a.id, None)
        if not t.scored: return
        k, v = self.problem.forecast(a)
        f = [np.log(max(k[n].value, 1e-12)) for n in self.names]
        self.rows.append(np.concatenate([self.encoder.encode([a])[0], f]))
        err = 1 - t.metrics['accuracy'].value
        self.y.append(err); self.archs.append(a)

    def guided(self, rng):
        o = self.o
        X = np.array(self.rows); err = np.array(self.y)
        two = len(self.problem.objectives) == 2
        ref = np.quantile(err, o['refq']) if len(err)>3 else err.max()
        t = np.log(np.minimum(err, ref * o['clip']) + _FLOOR)
        p = Predictor(self.encoder) if self.predictor is None else self.predictor
        n = len(err)
        if n != self.fitted_n:
            p.fit(X, t, choose=(n < 40 or n % 10 == 0)); self.fitted_n = n
        self.predictor = p
        ci = self.encoder.width + (self.names.index(self.problem.objectives[1].metric) if two else 0)
        clo = self.X[:, ci].min(); chi = np.quantile(self.X[:, ci], o['costq'])
        lo = err.min()
        N = lambda e, c: np.c_[(e**o['power'] - 0.8*lo**o['power']) / (ref**o['power'] - 0.8*lo**o['power']), (c - clo) / (chi - clo)][:, :2 if two else 1]
        P = N(err, X[:, ci])
        pend = list(self.pending.values())
        if pend:
            F = []
            for a in pend:
                k, v = self.problem.forecast(a); F.append([np.log(max(k[n].value, 1e-12)) for n in self.names])
            PX = np.hstack([self.encoder.encode(pend), np.array(F)])
            m, _ = p.predict(PX)
            P = np.vstack([P, N(np.exp(m) - _FLOOR, PX[:, ci])])
        keep = front(P); FR = P[keep]
        # children
        allarchs = self.archs + pend
        fr = [allarchs[i] for i in np.flatnonzero(keep)]
        def kids(parents, k):
            out = {}
            for _ in range(k):
                a = parents[rng.integers(len(parents))]
                r = rng.random()
                if r < .3 and len(parents) > 1: c = self.problem.space.cross(a, parents[rng.integers(len(parents))], rng)
                else:
                    c = self.problem.space.mutate(a, rng)
                    if r > .8: c = self.problem.space.mutate(c, rng)
                if c not in self.asked: out[c.id] = c
            return list(out.values())
        self.add(kids(fr, o['kids']))
        g = self.gain(p, self.X, ci, N, FR, rng, two)
        if o['kids']:
            top = [self.pool_archs[i] for i in np.argsort(-g)[:6]]
            k = self.add(kids(top, o['kids']))
            if k: g = np.r_[g, self.gain(p, self.X[-k:], ci, N, FR, rng, two)]
        for i in np.argsort(-g, kind='stable'):
            if self.pool_archs[i] not in self.asked: break
        else: return None
        a = self.pool_archs[i]
        # drop asked and worst
        if len(self.pool_archs) > self.samples * 1.3:
            keepi = np.argsort(-g)[: self.samples]
            self.pool_archs = [self.pool_archs[i] for i in keepi]; self.X = self.X[keepi]; self.pool_F = [self.pool_F[i] for i in keepi]
        return a

    def gain(self, p, X, ci, N, FR, rng, two):
        o = self.o
        m, s = p.predict(X); s = s * o['spread']
        z, w = np.polynomial.hermite_e.hermegauss(5); w = w / w.sum()
        if not two:
            best = FR.min()
            return sum(wi * np.maximum(0, best - N(np.exp(m + s * zi) - _FLOOR, X[:, ci])[:, 0]) for zi, wi in zip(z, w))
        if o['exact']:
            P = FR[(FR < 1).all(1)]; P = P[np.argsort(P[:, 1])]
            ls = np.r_[P[:, 1], 1.0]; es = np.r_[1.0, P[:, 0]]
            c = N(np.exp(m), X[:, ci])[:, 1]
            E = [N(np.exp(m + s * zi) - _FLOOR, X[:, ci])[:, 0] for zi in z]
            g = np.zeros(len(X)); prev = -1.0
            for k in range(len(ls)):
                a = np.maximum(c, prev if k else -1); width = np.clip(ls[k] - a, 0, None)
                for e, wi in zip(E, w): g += wi * width * np.clip(es[k] - e, 0, None)
                prev = ls[k]
            return g
        R = o['dirs']
        th = (np.arange(R) + rng.random()) / R * np.pi / 2
        L = np.c_[np.cos(th), np.sin(th)]
        sc = lambda Y: np.min(np.maximum(0, 1 - Y)[:, None, :] / L[None], axis=2) ** 2
        bestf = sc(FR).max(0)
        g = np.zeros(len(X))
        for zi, wi in zip(z, w):
            Y = N(np.exp(m + s * zi) - _FLOOR, X[:, ci])
            g += wi * np.maximum(0, sc(Y) - bestf).mean(1)
        return g
