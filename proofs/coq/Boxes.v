(* What a certificate's claims imply (spec G4.3, G4.4). The weight is strictly monotone on both
   sides of r = 1 if its slope has one sign on each box and in the tail and, next to r = 1 where the
   slope vanishes, its second derivative has one sign. Where two boxes meet nothing else needs a
   proof: the claims are about points. *)
From Coq Require Import Reals Lra List.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Lemma rises (g dg : R -> R) a b :
  a < b -> (forall x, a <= x <= b -> is_derive g x (dg x)) -> (forall x, a < x < b -> 0 < dg x) ->
  g a < g b.
Proof.
  intros H D P. destruct (MVT_cor2 g dg a b H) as [c [E C]].
  - intros x X. apply is_derive_Reals, D, X.
  - assert (0 < dg c) by (apply P; exact C).
    assert (0 < dg c * (b - a)) by (apply Rmult_lt_0_compat; lra). lra.
Qed.

Lemma falls (g dg : R -> R) a b :
  a < b -> (forall x, a <= x <= b -> is_derive g x (dg x)) -> (forall x, a < x < b -> dg x < 0) ->
  g b < g a.
Proof.
  intros H D P. apply Ropp_lt_cancel, (rises (fun x => - g x) (fun x => - dg x) a b H).
  - intros x X. apply (is_derive_opp g), D, X.
  - intros x X. specialize (P x X). lra.
Qed.

(* A claim that holds on each box of a list holds on [low, high], if the boxes cover it. *)
Fixpoint chained (low high : R) (boxes : list (R * R)) : Prop :=
  match boxes with
  | nil => high < low
  | (a, b) :: rest => a <= low /\ (high <= b \/ chained b high rest)
  end.

Theorem boxes_cover (claim : R -> Prop) boxes : forall low high, chained low high boxes ->
  (forall a b, In (a, b) boxes -> forall x, a <= x <= b -> claim x) ->
  forall x, low <= x <= high -> claim x.
Proof.
  induction boxes as [| [a b] rest IH]; simpl; intros low high C H x X.
  - lra.
  - destruct C as [A C]. destruct (Rle_dec x b) as [L | G].
    + apply (H a b); auto. lra.
    + destruct C as [E | C]; [lra |].
      apply (IH b high C); [| lra]. intros a' b' I. apply H. right. exact I.
Qed.

Section Certificate.
(* w is the weight, w1 and w2 its first and second derivative, d the size of the zone next to 1,
   top where the tail begins. *)
Variables (w w1 w2 : R -> R) (d top : R) (left right before after : list (R * R)).
Hypothesis zone : 0 < d < 1.
Hypothesis first : forall r, 0 <= r -> is_derive w r (w1 r).
Hypothesis second : forall r, 1 - d <= r <= 1 + d -> is_derive w1 r (w2 r).
Hypothesis flat_at_one : w1 1 = 0.
Hypothesis zone_before : chained (1 - d) 1 before.
Hypothesis zone_after : chained 1 (1 + d) after.
Hypothesis curve_before : forall a b, In (a, b) before -> forall x, a <= x <= b -> w2 x < 0.
Hypothesis curve_after : forall a b, In (a, b) after -> forall x, a <= x <= b -> w2 x < 0.
Hypothesis left_boxes : chained 0 (1 - d) left.
Hypothesis left_rises : forall a b, In (a, b) left -> forall x, a <= x <= b -> 0 < w1 x.
Hypothesis right_boxes : chained (1 + d) top right.
Hypothesis right_falls : forall a b, In (a, b) right -> forall x, a <= x <= b -> w1 x < 0.
Hypothesis tail_falls : forall x, top <= x -> w1 x < 0.

Lemma slope_before r : 0 <= r < 1 -> 0 < w1 r.
Proof.
  intros H. destruct (Rle_dec r (1 - d)) as [L | G].
  - apply (boxes_cover (fun x => 0 < w1 x) left 0 (1 - d)); auto; lra.
  - rewrite <- flat_at_one. apply (falls w1 w2); [lra | |].
    + intros x X. apply second. lra.
    + intros x X. apply (boxes_cover (fun x => w2 x < 0) before (1 - d) 1); auto; lra.
Qed.

Lemma slope_after r : 1 < r -> w1 r < 0.
Proof.
  intros H. destruct (Rle_dec r (1 + d)) as [L | G].
  - rewrite <- flat_at_one. apply (falls w1 w2); [lra | |].
    + intros x X. apply second. lra.
    + intros x X. apply (boxes_cover (fun x => w2 x < 0) after 1 (1 + d)); auto; lra.
  - destruct (Rle_dec r top) as [B | T].
    + apply (boxes_cover (fun x => w1 x < 0) right (1 + d) top); auto; lra.
    + apply tail_falls. lra.
Qed.

Theorem certificate_monotone :
  (forall a b, 0 <= a < b -> b <= 1 -> w a < w b) /\ (forall a b, 1 <= a < b -> w b < w a).
Proof.
  split.
  - intros a b H B.
    apply (rises w w1); [lra | intros x X; apply first; lra | intros x X; apply slope_before; lra].
  - intros a b H.
    apply (falls w w1); [lra | intros x X; apply first; lra | intros x X; apply slope_after; lra].
Qed.

Theorem certificate_maximum : w 1 = 1 -> forall r, 0 <= r -> w r <= 1.
Proof.
  intros E r H. rewrite <- E. destruct certificate_monotone as [U D].
  destruct (Rtotal_order r 1) as [L | [Q | G]].
  - apply Rlt_le, U; lra.
  - rewrite Q. apply Rle_refl.
  - apply Rlt_le, D; lra.
Qed.
End Certificate.
