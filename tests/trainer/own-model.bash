# A random model of 64 positions, or as many as are given, wide enough for the ids of
# spec/vectors/tokenizers/qwen.json, and for some beyond them. Sourced by scripts beside this file.
make_model() { # FOLDER TOKENIZER [POSITIONS]
  python3 - "$1" "$2" "${3:-64}" <<'EOF'
import array, json, math, os, random, shutil, sys
folder, tokenizer, positions = sys.argv[1:]
os.mkdir(folder)
shutil.copy(tokenizer, folder + "/tokenizer.json")
d, ff, heads, kv, hd, vocab = 16, 24, 2, 1, 8, 720
config = dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", hidden_size=d,
              intermediate_size=ff, num_hidden_layers=1, num_attention_heads=heads,
              num_key_value_heads=kv, head_dim=hd, vocab_size=vocab,
              max_position_embeddings=int(positions), rms_norm_eps=1e-6, rope_theta=1e4,
              tie_word_embeddings=True, eos_token_id=7)
json.dump(config, open(folder + "/config.json", "w"))
random.seed(3)
p = "model.layers.0."
shapes = {"model.embed_tokens.weight": (vocab, d), p + "input_layernorm.weight": (d,),
          p + "self_attn.q_proj.weight": (heads * hd, d),
          p + "self_attn.q_proj.bias": (heads * hd,),
          p + "self_attn.k_proj.weight": (kv * hd, d), p + "self_attn.k_proj.bias": (kv * hd,),
          p + "self_attn.v_proj.weight": (kv * hd, d), p + "self_attn.v_proj.bias": (kv * hd,),
          p + "self_attn.o_proj.weight": (d, heads * hd),
          p + "post_attention_layernorm.weight": (d,), p + "mlp.gate_proj.weight": (ff, d),
          p + "mlp.up_proj.weight": (ff, d), p + "mlp.down_proj.weight": (d, ff),
          "model.norm.weight": (d,)}
header, data = {}, b""
for name, shape in shapes.items():
    norm = name.endswith("norm.weight")
    raw = array.array("f", [1.0 if norm else random.gauss(0, 0.3)
                            for _ in range(math.prod(shape))]).tobytes()
    header[name] = dict(dtype="F32", shape=shape, data_offsets=[len(data), len(data) + len(raw)])
    data += raw
text = json.dumps(header).encode()
with open(folder + "/model.safetensors", "wb") as out:
    out.write(len(text).to_bytes(8, "little") + text + data)
EOF
}
