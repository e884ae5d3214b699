(* Where f' does not rise beyond some R0 and f is bounded there, r f'(r) -> 0 (spec G4.4,
   `bounded`): (r/2) f'(r) <= f(r) - f(r/2), and f converges, as it does not fall. Where instead
   r f' keeps above some c > 0 beyond some R0, it does not tend to 0 (`above`). *)
From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Section Lemma.
Variables (f w : R -> R) (R0 B : R).
Hypothesis slope : forall r, R0 <= r -> is_derive f r (w r).
Hypothesis falls : forall a b, R0 <= a <= b -> w b <= w a.
Hypothesis bounded : forall r, R0 <= r -> Rabs (f r) <= B.

Lemma mean a b : R0 <= a < b -> w b * (b - a) <= f b - f a <= w a * (b - a).
Proof.
  intros H. destruct (MVT_cor2 f w a b) as [c [E C]]; [lra | |].
  - intros x X. apply is_derive_Reals, slope. lra.
  - rewrite E. assert (w b <= w c) by (apply falls; lra).
    assert (w c <= w a) by (apply falls; lra).
    split; apply Rmult_le_compat_r; lra.
Qed.

Lemma not_negative r : R0 <= r -> 0 <= w r.
Proof.
  intros H. destruct (Rle_lt_dec 0 (w r)) as [P | N]; auto.
  set (x := r + (2 * B + 1) / - w r).
  assert (B0 : 0 <= B) by (apply Rle_trans with (Rabs (f r)); [apply Rabs_pos | auto]).
  assert (S : 0 < (2 * B + 1) / - w r) by (apply Rdiv_lt_0_compat; lra).
  assert (X : r < x) by (unfold x; lra).
  destruct (mean r x) as [_ U]; [lra |].
  assert (E : w r * (x - r) = - (2 * B + 1)) by (unfold x; field; lra).
  assert (F1 := bounded r H). assert (F2 : Rabs (f x) <= B) by (apply bounded; lra).
  apply Rabs_le_between in F1. apply Rabs_le_between in F2. lra.
Qed.

Lemma rises a b : R0 <= a <= b -> f a <= f b.
Proof.
  intros H. destruct (Req_dec a b) as [E | N]; [rewrite E; apply Rle_refl |].
  destruct (mean a b) as [L _]; [lra |].
  assert (0 <= w b * (b - a)) by (apply Rmult_le_pos; [apply not_negative |]; lra). lra.
Qed.

Theorem bounded_product_vanishes : is_lim (fun r => r * w r) p_infty 0.
Proof.
  destruct (completeness (fun y => exists r, R0 <= r /\ y = f r)) as [L [U M]].
  - exists B. intros y [r [H E]]. rewrite E. apply Rle_trans with (Rabs (f r)); auto.
    apply Rle_abs.
  - exists (f R0), R0. split; [lra | reflexivity].
  - apply is_lim_spec. intros e. set (d := e / 3).
    assert (D : 0 < d) by (unfold d; destruct e; simpl; lra).
    assert (N : exists a, R0 <= a /\ L - d < f a).
    { destruct (Classical_Prop.classic (exists a, R0 <= a /\ L - d < f a)) as [Y | N]; auto.
      assert (L <= L - d); [| lra]. apply M. intros y [r [H E]]. rewrite E.
      apply Rnot_lt_le. intros K. apply N. exists r. auto. }
    destruct N as [a [A K]].
    exists (Rmax 1 (2 * a)). intros r H.
    assert (H1 := Rmax_l 1 (2 * a)). assert (H2 := Rmax_r 1 (2 * a)).
    assert (V := not_negative r ltac:(lra)).
    destruct (mean (r / 2) r) as [Q _]; [lra |].
    assert (f a <= f (r / 2)) by (apply rises; lra).
    assert (f r <= L) by (apply U; exists r; split; [lra | reflexivity]).
    rewrite Rminus_0_r, Rabs_pos_eq by (apply Rmult_le_pos; lra).
    replace (r * w r) with (2 * (w r * (r - r / 2))) by field.
    unfold d in *. lra.
Qed.
End Lemma.

Theorem bound_refutes (w : R -> R) (R0 c : R) :
  0 < c -> (forall r, R0 <= r -> c <= r * w r) -> ~ is_lim (fun r => r * w r) p_infty 0.
Proof.
  intros P K L. apply is_lim_spec in L. destruct (L (mkposreal c P)) as [M H]. simpl in H.
  set (x := Rmax R0 (M + 1)).
  assert (X1 := Rmax_l R0 (M + 1)). assert (X2 := Rmax_r R0 (M + 1)). fold x in X1, X2.
  specialize (H x ltac:(lra)). specialize (K x X1).
  rewrite Rminus_0_r in H. apply Rabs_lt_between in H. lra.
Qed.

(* Where w -> 0, its slope decides (`slope-tail`): r w is at least c where -r^2 w' is, and at most
   e where that is. *)
Theorem slope_bounds (w w1 : R -> R) (R0 c e : R) :
  0 < R0 -> (forall r, R0 <= r -> is_derive w r (w1 r)) -> is_lim w p_infty 0 ->
  (forall r, R0 <= r -> c <= - (r * r * w1 r) <= e) ->
  forall r, R0 <= r -> c <= r * w r <= e.
Proof.
  intros P D L H r X.
  assert (G : forall k s, (forall x, r <= x -> 0 <= s * (w1 x + k / (x * x))) ->
    0 <= - s * (w r - k / r)).
  { intros k s Y. destruct (Rle_lt_dec 0 (- s * (w r - k / r))) as [Q | N]; auto. exfalso.
    set (g := fun x => s * (w x - k / x)).
    assert (DG : forall x, r <= x -> is_derive g x (s * (w1 x + k / (x * x)))).
    { intros x Z. unfold g. auto_derive.
      - split; [exists (w1 x); apply D; lra | split; [lra | auto]].
      - replace (Derive (fun x0 => w x0) x) with (w1 x)
          by (symmetry; apply is_derive_unique, D; lra).
        field. lra. }
    assert (I : forall x, r <= x -> g r <= g x).
    { intros x Z. destruct (Req_dec r x) as [E | NE]; [rewrite E; apply Rle_refl |].
      destruct (MVT_cor2 g (fun x => s * (w1 x + k / (x * x))) r x) as [t [E T]]; [lra | |].
      - intros y V. apply is_derive_Reals, DG. lra.
      - assert (0 <= s * (w1 t + k / (t * t)) * (x - r))
          by (apply Rmult_le_pos; [apply Y |]; lra).
        lra. }
    assert (LG : is_lim g p_infty 0).
    { unfold g. replace (Finite 0) with (Rbar_mult s (0 - k * 0)) by (simpl; f_equal; ring).
      apply is_lim_scal_l. apply (is_lim_minus' w (fun x => k / x) p_infty 0 (k * 0)); [exact L |].
      unfold Rdiv. apply (is_lim_scal_l Rinv k p_infty 0).
      apply (is_lim_inv (fun x => x) p_infty p_infty); [apply is_lim_id | discriminate]. }
    assert (GR : 0 < g r) by (unfold g; lra).
    apply is_lim_spec in LG. destruct (LG (mkposreal _ GR)) as [M HM]. simpl in HM.
    set (x := Rmax r (M + 1)).
    assert (X1 := Rmax_l r (M + 1)). assert (X2 := Rmax_r r (M + 1)). fold x in X1, X2.
    specialize (HM x ltac:(lra)). specialize (I x X1).
    rewrite Rminus_0_r in HM. apply Rabs_lt_between in HM. lra. }
  assert (Q : forall x, r <= x -> 0 < x * x) by (intros x V; apply Rmult_lt_0_compat; lra).
  split.
  - assert (K := G c (-1)). apply Rmult_le_reg_r with (/ r); [apply Rinv_0_lt_compat; lra |].
    replace (r * w r * / r) with (w r) by (field; lra). fold (c / r).
    assert (0 <= - -1 * (w r - c / r)); [| lra]. apply K. intros x V.
    assert (B := proj1 (H x ltac:(lra))).
    replace (-1 * (w1 x + c / (x * x))) with ((- (x * x * w1 x) - c) / (x * x))
      by (field; specialize (Q x V); lra).
    apply Rdiv_le_0_compat; [lra | apply Q; exact V].
  - assert (K := G e 1). apply Rmult_le_reg_r with (/ r); [apply Rinv_0_lt_compat; lra |].
    replace (r * w r * / r) with (w r) by (field; lra). fold (e / r).
    assert (0 <= - 1 * (w r - e / r)); [| lra]. apply K. intros x V.
    assert (B := proj2 (H x ltac:(lra))).
    replace (1 * (w1 x + e / (x * x))) with ((e - - (x * x * w1 x)) / (x * x))
      by (field; specialize (Q x V); lra).
    apply Rdiv_le_0_compat; [lra | apply Q; exact V].
Qed.
