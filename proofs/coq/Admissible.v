(* What an admissible gate is (spec G2.2), and the shape that the four families share: the weight
   is w(|tau (r - 1)|) for a function w that is continuous, strictly decreasing on [0, inf), 1 at
   0, and tends to 0. *)
From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Record admissible (f weight : R -> R) : Prop := {
  differentiable : forall r, 0 <= r -> is_derive f r (weight r);
  smooth : forall r, 0 <= r -> continuous weight r;
  one_at_one : weight 1 = 1;
  falls_after : forall a b, 1 <= a < b -> weight b < weight a;
  rises_before : forall a b, 0 <= a < b -> b <= 1 -> weight a < weight b;
  vanishes : is_lim weight p_infty 0 }.

(* P2: 1 is the largest value, attained at r = 1. *)
Lemma at_most_one f weight : admissible f weight -> forall r, 0 <= r -> weight r <= 1.
Proof.
  intros A r H. rewrite <- (one_at_one _ _ A).
  destruct (Rtotal_order r 1) as [L | [E | G]].
  - apply Rlt_le, (rises_before _ _ A); lra.
  - rewrite E. apply Rle_refl.
  - apply Rlt_le, (falls_after _ _ A); lra.
Qed.

(* P4 and P3 together: the weight stays positive after 1. *)
Lemma positive_after f weight : admissible f weight -> forall r, 1 <= r -> 0 < weight r.
Proof.
  intros A r H. destruct (Rle_lt_dec (weight r) 0) as [N | P]; auto.
  assert (D : weight (r + 1) < weight r) by (apply (falls_after _ _ A); lra).
  assert (L := vanishes _ _ A). apply is_lim_spec in L.
  assert (E : 0 < - weight (r + 1)) by lra.
  destruct (L (mkposreal _ E)) as [M B]. simpl in B.
  set (x := Rmax (M + 1) (r + 2)).
  assert (X1 := Rmax_l (M + 1) (r + 2)). assert (X2 := Rmax_r (M + 1) (r + 2)). fold x in X1, X2.
  assert (Q : weight x < weight (r + 1)) by (apply (falls_after _ _ A); lra).
  specialize (B x). rewrite Rminus_0_r, Rabs_left in B by lra. lra.
Qed.

Section Shape.
Variables (w : R -> R) (tau : R).
Hypothesis tau_pos : 0 < tau.
Hypothesis w_one : w 0 = 1.
Hypothesis w_falls : forall x y, 0 <= x < y -> w y < w x.
Hypothesis w_continuous : forall x, continuous w x.
Hypothesis w_vanishes : is_lim w p_infty 0.

Definition distance r := Rabs (tau * (r - 1)).

Lemma distance_after r : 1 <= r -> distance r = tau * (r - 1).
Proof. intros H. apply Rabs_pos_eq. apply Rmult_le_pos; lra. Qed.
Lemma distance_before r : r <= 1 -> distance r = tau * (1 - r).
Proof.
  intros H. unfold distance. replace (tau * (r - 1)) with (- (tau * (1 - r))) by ring.
  rewrite Rabs_Ropp. apply Rabs_pos_eq. apply Rmult_le_pos; lra.
Qed.

Lemma distance_continuous r : continuous distance r.
Proof.
  apply (continuous_comp (fun r => tau * (r - 1)) Rabs).
  - apply (ex_derive_continuous (fun r => tau * (r - 1))). auto_derive. auto.
  - apply continuous_Rabs.
Qed.

Lemma distance_grows : is_lim distance p_infty p_infty.
Proof.
  intros P [M H]. exists (Rmax 1 (M / tau + 1)). intros x X. apply H.
  assert (A := Rmax_l 1 (M / tau + 1)). assert (B := Rmax_r 1 (M / tau + 1)).
  rewrite distance_after by lra. replace M with (tau * (M / tau)) by (field; lra).
  apply Rmult_lt_compat_l; lra.
Qed.

Theorem shape_admissible f :
  (forall r, 0 <= r -> is_derive f r (w (distance r))) -> admissible f (fun r => w (distance r)).
Proof.
  intros D. split.
  - exact D.
  - intros r _. apply continuous_comp; [apply distance_continuous | apply w_continuous].
  - rewrite distance_after by lra. replace (tau * (1 - 1)) with 0 by ring. exact w_one.
  - intros a b H. apply w_falls. rewrite !distance_after by lra.
    split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_l; lra].
  - intros a b H B. apply w_falls. rewrite !distance_before by lra.
    split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_l; lra].
  - apply is_lim_comp with p_infty; [exact w_vanishes | exact distance_grows |].
    exists 0. intros x _. discriminate.
Qed.
End Shape.
