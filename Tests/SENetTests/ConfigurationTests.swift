import Foundation
import Testing

@testable import SENet

@Suite("A configuration")
struct ConfigurationTests {
    private func configuration(_ json: String) throws -> Configuration { try Configuration(json: Data(json.utf8)) }

    private func message(_ json: String) -> String {
        do {
            _ = try configuration(json)
        } catch ModelError.configuration(let text) {
            return text
        } catch {
            Issue.record("unexpected error \(error)")
        }
        return ""
    }

    @Test("takes what its architecture's name implies")
    func defaults() throws {
        let configuration = try configuration(#"{"architecture": "seresnext101_32x8d"}"#)
        #expect(configuration.architecture.layers == [3, 4, 23, 3])
        #expect(configuration.architecture.cardinality == 32)
        #expect(configuration.architecture.baseWidth == 8)
        #expect(configuration.classes == 1000)
        #expect(configuration.evaluation == Configuration.Evaluation())
    }

    @Test("takes the evaluation and the labels from pretrained_cfg")
    func evaluation() throws {
        let configuration = try configuration(
            """
            {"architecture": "seresnet50", "num_classes": 2, "pretrained_cfg": {"tag": "a1_in1k", "input_size": [3, 288, 224],
             "crop_pct": 0.95, "crop_mode": "squash", "interpolation": "bilinear", "mean": [0, 0.1, 0.2], "std": [1, 2, 3],
             "label_names": ["a", "b"], "label_descriptions": {"a": "first"}, "something_new": [1, {}]}}
            """)
        #expect(configuration.fullName == "seresnet50.a1_in1k")
        #expect(configuration.evaluation.height == 288 && configuration.evaluation.width == 224)
        #expect(configuration.evaluation.cropFraction == 0.95 && configuration.evaluation.cropMode == "squash")
        #expect(configuration.evaluation.mean == [0, 0.1, 0.2] && configuration.evaluation.standardDeviation == [1, 2, 3])
        #expect(configuration.labelNames == ["a", "b"] && configuration.labelDescriptions == ["a": "first"])
    }

    @Test("lets model_args override the name")
    func arguments() throws {
        let configuration = try configuration(
            """
            {"architecture": "resnet18", "model_args": {"layers": [1, 1], "channels": [32, 48], "stem_width": 16, "stem_type": "deep",
             "avg_down": true, "block_args": {"attn_layer": "se", "attn_kwargs": {"rd_ratio": 0.25, "rd_divisor": 4}}, "drop_rate": 0.1}}
            """)
        let architecture = configuration.architecture
        #expect(architecture.layers == [1, 1] && architecture.channels == [32, 48])
        #expect(architecture.stemWidth == 16 && architecture.stemType == .deep && architecture.averageDown)
        #expect(architecture.squeezeExcitation == SqueezeExcitation(.ratio(0.25, divisor: 4)))
        #expect(configuration.network.parameters.contains { $0.name == "layer2.0.se.fc1.weight" && $0.shape == [12, 48, 1, 1] })
        #expect(
            try self.configuration(#"{"architecture": "seresnet18", "model_args": {"block_args": {}}}"#).architecture.squeezeExcitation
                == nil)
    }

    @Test(
        "rounds a gate's hidden width to the nearest multiple of the divisor, as timm does",
        arguments: [(64, 8), (256, 16), (320, 24), (192, 16), (16, 8), (2048, 128), (72, 8), (200, 16)])
    func hiddenWidth(channels: Int, hidden: Int) {
        #expect(SqueezeExcitation(.ratio(1 / 16, divisor: 8)).gate(channels: channels).hidden == hidden)
    }

    @Test("that is wrong says what and where")
    func errors() {
        let cases: [(String, String)] = [
            ("", "JSON"),
            ("[]", "config.json"),
            ("{}", "architecture"),
            (#"{"architecture": "vit_base"}"#, "'vit_base' is not supported"),
            (#"{"architecture": "seresnet50", "num_classes": "many"}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "num_classes": 0}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "num_classes": -1, "label_names": {"0": "a"}}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "num_classes": 9223372036854775807, "id2label": {"0": "a"}}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "id2label": {}}"#, "num_classes"),
            (#"{"architecture": "seresnet50", "model_args": {"layers": [3, "x"]}}"#, "model_args.layers.[1]"),
            (#"{"architecture": "seresnet50", "model_args": {"layers": [3, 4]}}"#, "2 stages"),
            (#"{"architecture": "seresnet50", "model_args": {"layers": [3, 4, 6, 0]}}"#, "model_args.layers"),
            (#"{"architecture": "seresnet50", "model_args": {"channels": [-1, 1, 1, 1]}}"#, "model_args.channels"),
            (#"{"architecture": "seresnet50", "model_args": {"aa_layer": "median"}}"#, "aa_layer 'median' is not supported: '', 'avg'"),
            (#"{"architecture": "seresnet50", "model_args": {"act_layer": "gelu"}}"#, "act_layer 'gelu'"),
            (#"{"architecture": "seresnet50", "model_args": {"norm_layer": "frozen"}}"#, "model_args.norm_layer"),
            (#"{"architecture": "seresnet33ts", "model_args": {"layers": [1, 1, 1, 1]}}"#, "model_args.layers is not supported for this"),
            (#"{"architecture": "legacy_seresnet50", "model_args": {"se": {}}}"#, "model_args.se is not supported for this"),
            (#"{"architecture": "seresnet50", "model_args": {"down_kernel_size": 2}}"#, "down_kernel_size"),
            (#"{"architecture": "seresnet18", "model_args": {"block_reduce_first": 2}}"#, "block_reduce_first"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"reduction": 0}}}"#, "se.reduction must be from 1"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"reduction": 0.5}}}"#, "se.reduction must be from 1"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"reduction": "16"}}}"#, "model_args.se.reduction"),
            (
                #"{"architecture": "seresnet50", "model_args": {"se": {"squeeze": "median"}}}"#,
                "se.squeeze 'median' is not supported: 'avg'"
            ),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"excitation": "silu"}}}"#, "se.excitation 'silu'"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"placement": "inside"}}}"#, "se.placement 'inside'"),
            (#"{"architecture": "seresnet18", "model_args": {"se": {"placement": "3x3"}}}"#, "'3x3' needs bottleneck blocks"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"stages": [1]}}}"#, "se.stages must be some of 2 to 5"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"stages": []}}}"#, "se.stages"),
            (#"{"architecture": "seresnet50", "model_args": {"se": {"ratio": 4}}}"#, "model_args.se.ratio: this key is not supported"),
            (#"{"architecture": "ecaresnet50d"}"#, "architecture 'ecaresnet50d' is not supported"),
            (#"{"architecture": "seresnet50", "model_args": {"block_args": {"attn_layer": "eca"}}}"#, "'eca' is not supported"),
            (#"{"architecture": "seresnet50", "model_args": {"block_args": {"width": 1}}}"#, "width"),
            (#"{"architecture": "seresnet50", "model_args": {"global_pool": "max"}}"#, "global_pool"),
            (#"{"architecture": "seresnet50", "model_args": {"output_stride": 8}}"#, "output_stride"),
            (#"{"architecture": "seresnet50", "model_args": {"stem_type": "odd"}}"#, "stem_type"),
            (#"{"architecture": "seresnet18", "model_args": {"cardinality": 32}}"#, "basic block"),
            (#"{"architecture": "resnet50", "model_args": {"attn_kwargs": {"rd_ratio": 0.5}}}"#, "no attention layer"),
            (#"{"architecture": "seresnet50", "model_args": {"attn_kwargs": {"rd_divisor": 0}}}"#, "rd_divisor"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"input_size": [224, 224]}}"#, "input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"input_size": [3, 8, 8]}}"#, "input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_input_size": [3, 8, 8]}}"#, "test_input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_input_size": [224, 224]}}"#, "test_input_size"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_crop_pct": 0}}"#, "test_crop_pct"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"crop_pct": 0}}"#, "crop_pct"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"std": [1, 0, 1]}}"#, "std"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"std": [1, 1e-320, 1]}}"#, "std must be positive, from 0.0001"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"std": [1, 1e30, 1]}}"#, "std must be"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"mean": [0, -1e300, 0]}}"#, "mean must be from"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"crop_pct": 1e-320}}"#, "crop_pct must be from 0.01"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"test_crop_pct": 4.1}}"#, "test_crop_pct must be from 0.01"),
            (#"{"architecture": "seresnet50", "model_args": {"attn_kwargs": {"rd_ratio": 1e-320}}}"#, "rd_ratio"),
            (#"{"architecture": "seresnet50", "model_args": {"attn_kwargs": {"rd_divisor": 9223372036854775807}}}"#, "rd_divisor"),
            (
                #"{"architecture": "seresnet50", "model_args": {"block_args": {"attn_layer": "se", "attn_kwargs": {"gate_layer": "hard_sigmoid"}}}}"#,
                "gate_layer"
            ),
            (#"{"architecture": "seresnet50", "problem_type": "regression"}"#, "problem_type 'regression' is not supported"),
            (
                #"{"architecture": "seresnet50", "num_classes": 2, "label_names": {"2": "a"}}"#,
                "a label for class 2, but the classes are 0 to 1"
            ),
            (#"{"architecture": "seresnet50", "num_classes": 2, "label_names": {"a": 0}}"#, "label_names"),
            (#"{"architecture": "seresnet50", "num_classes": 2, "label_names": ["a", 1]}"#, "label_names.[1]"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"mean": [1]}}"#, "mean"),
            (#"{"architecture": "seresnet50", "pretrained_cfg": {"label_names": ["a"]}}"#, "label_names has 1 entries for 1000 classes"),
        ]
        for (json, expected) in cases {
            let text = message(json)
            #expect(text.contains(expected), "\(json) gave: \(text)")
        }
    }

    @Test(
        "with a word that is not JSON says which and where",
        arguments: [
            (#"{"a \" {[": "NaN", "values": {"x": {"zero": 1, "scale": [1, true, NaN]}}}"#, "values.x.scale.[2]: 'NaN'"),
            (#"{"b": [[], {"c": -Infinity}]}"#, "b.[1].c: '-Infinity'"),
            (#"{"a": {"b": 1}, "c": 1e400, "d": [nan]}"#, "c: '1e400'"),
            ("None", "config.json: 'None'"),
            (#"{"architecture": "seresnet50\"#, "not valid JSON"),
            (#"{"architecture": "seresnet50""#, "not valid JSON"),
            (#"}]}, 1"#, "not valid JSON"),
        ])
    func unknownWords(_ json: String, _ expected: String) {
        let text = message(json)
        #expect(text.contains(expected), "\(json) gave: \(text)")
    }

    @Test("of timm before 0.8 is the pretrained_cfg itself")
    func flat() throws {
        let configuration = try configuration(
            """
            {"architecture": "seresnet18", "num_classes": 3, "num_features": 512, "url": "", "input_size": [3, 96, 80], "pool_size": [3, 3],
             "crop_pct": 1.0, "interpolation": "bilinear", "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.125], "first_conv": "conv1",
             "classifier": "fc", "labels": ["a", "b", "c"]}
            """)
        #expect(configuration.evaluation.height == 96 && configuration.evaluation.width == 80 && configuration.evaluation.cropFraction == 1)
        #expect(configuration.evaluation.interpolation == "bilinear")
        #expect(configuration.evaluation.mean == [0.5, 0.4, 0.3] && configuration.evaluation.standardDeviation == [0.5, 0.25, 0.125])
        #expect(configuration.classes == 3 && configuration.labelNames == ["a", "b", "c"])
    }

    @Test(
        "has its labels from the outermost place that says them, in any of their forms",
        arguments: [
            (#""label_names": ["a", "b"], "pretrained_cfg": {"label_names": ["x", "y"]}"#, ["a", "b"]),
            (#""pretrained_cfg": {"label_names": ["x", "y"]}, "id2label": {"0": "n", "1": "e"}"#, ["x", "y"]),
            (#""labels": ["a", "b"], "pretrained_cfg": {}"#, ["a", "b"]), (#""pretrained_cfg": {"labels": ["a", "b"]}"#, ["a", "b"]),
            (#""label_names": {"1": "b", "0": "a"}"#, ["a", "b"]), (#""label_names": {"1": "b"}"#, ["0", "b"]),
            (#""pretrained_cfg": {"label_names": {"1": "b", "0": "a"}}"#, ["a", "b"]),
            (
                #""model_type": "timm_wrapper", "architectures": ["T"], "id2label": {"1": "b", "0": "a"}, "label2id": {"a": 0, "b": 1}"#,
                ["a", "b"]
            ),
        ])
    func labels(_ keys: String, _ names: [String]) throws {
        #expect(try configuration(#"{"architecture": "seresnet18", "num_classes": 2, \#(keys)}"#).labelNames == names)
    }

    @Test("of transformers' wrapper has as many classes as labels, where nothing else says how many")
    func wrapper() throws {
        let configuration = try configuration(
            #"{"architecture": "seresnet18", "id2label": {"0": "a", "1": "b", "2": "c"}, "pretrained_cfg": {"input_size": [3, 64, 64]}}"#)
        #expect(configuration.classes == 3 && configuration.labelNames == ["a", "b", "c"])
    }

    @Test("descriptions of labels beside pretrained_cfg win over those in it")
    func descriptions() throws {
        let configuration = try configuration(
            """
            {"architecture": "seresnet18", "num_classes": 1, "label_names": ["a"], "label_descriptions": {"a": "outer"},
             "pretrained_cfg": {"label_descriptions": {"a": "inner"}}}
            """)
        #expect(configuration.labelDescriptions == ["a": "outer"])
    }

    @Test(
        "under a former name of timm's is that of the network's name today, with its tag",
        arguments: [
            ("gluon_seresnext50_32x4d", "seresnext50_32x4d", "seresnext50_32x4d.gluon_in1k"),
            ("gluon_seresnext101_64x4d", "seresnext101_64x4d", "seresnext101_64x4d.gluon_in1k"),
            ("gluon_senet154", "senet154", "senet154.gluon_in1k"), ("seresnext26tn_32x4d", "seresnext26t_32x4d", "seresnext26t_32x4d"),
            ("gluon_resnet50_v1d", "resnet50d", "resnet50d.gluon_in1k"), ("tv_resnet34", "resnet34", "resnet34.tv_in1k"),
            ("swsl_resnext50_32x4d", "resnext50_32x4d", "resnext50_32x4d.fb_swsl_ig1b_ft_in1k"),
        ])
    func formerName(_ former: String, _ name: String, _ fullName: String) throws {
        let configuration = try configuration(#"{"architecture": "\#(former)", "num_classes": 1000}"#)
        #expect(configuration.name == name && configuration.fullName == fullName)
        #expect(try configuration.network == Configuration(architecture: name).network)
        #expect(try Configuration(architecture: former).network == configuration.network)
    }

    @Test("every former name leads to a network that there is")
    func formerNames() { #expect(Architecture.formerNames.values.allSatisfy { Architecture.named[$0.name] != nil }) }

    @Test(
        "with a key that is not known passes it over where it says nothing about the answer",
        arguments: [
            #""num_features": 512, "global_pool": "avg", "torch_dtype": "float32", "transformers_version": "4.48", "_name_or_path": "x""#,
            #""architectures": ["TimmWrapperForImageClassification"], "license_name": "mit", "tags": ["a"], "something_new": [1, {}]"#,
            #""pretrained_cfg": {"label_offset": null, "url": "", "custom_load": false, "notes": ["x"], "min_input_size": [3, 32, 32]}"#,
            #""pretrained_cfg": {"crop_pct": 0.9}, "crop_pct": 0.9, "features_only": false, "quantization_config": null"#,
            #""model_args": {"pretrained": true, "scriptable": false, "bn_momentum": 0.1, "drop_connect_rate": 0.2, "layers": null}"#,
        ])
    func passedOver(_ keys: String) throws { _ = try configuration(#"{"architecture": "seresnet18", \#(keys)}"#) }

    @Test(
        "with a key that would change the answer and is not known refuses it by name",
        arguments: [
            (#""global_pool": "max""#, "global_pool"), (#""pretrained_cfg": {"global_pool": "catavgmax"}"#, "pretrained_cfg.global_pool"),
            (#""pretrained_cfg": {"label_offset": 1}"#, "label_offset"), (#""quantization_config": {"bits": 8}"#, "quantization_config"),
            (#""layers": [3, 4, 6, 3]"#, "layers: this key belongs under model_args"),
            (#""pretrained_cfg": {"stem_type": "deep"}"#, "pretrained_cfg.stem_type: this key belongs under model_args"),
            (#""pretrained_cfg": {"crop_pc": 0.9}"#, "is 'crop_pct' meant?"),
            (#""pretrained_cfg": {"cropPct": 0.9}"#, "is 'crop_pct' meant?"),
            (#""pretrained_cfg": {"means": [0.5, 0.5, 0.5]}"#, "is 'mean' meant?"), (#""model_arg": {}"#, "is 'model_args' meant?"),
            (#""input-size": [3, 64, 64]"#, "is 'input_size' meant?"), (#""num_class": 2"#, "is 'num_classes' meant?"),
            (#""pretrained_cfg": {"crop_pct": 0.9}, "crop_pct": 1.0"#, "stand beside pretrained_cfg"),
            (#""pretrained_cfg": {}, "mean": [0, 0, 0]"#, "stand beside pretrained_cfg"),
            (#""model_args": {"bn_eps": 0.001}"#, "model_args.bn_eps"),
            (#""model_args": {"block_args": {"attn_kwargs": {"bias": false}}}"#, "bias"),
        ])
    func refusedKey(_ keys: String, _ expected: String) {
        let text = message(#"{"architecture": "seresnet18", \#(keys)}"#)
        #expect(text.contains(expected), "\(keys) gave: \(text)")
    }

    @Test("of one output, or of several labels at once, has a sigmoid for each and no softmax over them")
    func outputActivation() throws {
        func activation(_ keys: String) throws -> Configuration.OutputActivation {
            try configuration(#"{"architecture": "seresnet18", \#(keys)}"#).outputActivation
        }
        #expect(try activation(#""num_classes": 1"#) == .sigmoid)
        #expect(try activation(#""num_classes": 1, "problem_type": "single_label_classification""#) == .sigmoid)
        #expect(try activation(#""num_classes": 3, "problem_type": "multi_label_classification""#) == .sigmoid)
        #expect(try activation(#""num_classes": 3, "problem_type": "single_label_classification""#) == .softmax)
        #expect(try activation(#""num_classes": 3, "problem_type": null"#) == .softmax)
        let written = try configuration(#"{"architecture": "seresnet18", "num_classes": 3, "problem_type": "multi_label_classification"}"#)
            .json()
        #expect(try Configuration(json: written).outputActivation == .sigmoid)
    }

    @Test("an evaluation can be read alone, or from the config.json that has it", arguments: [#"{}"#, #"{"pretrained_cfg": {}}"#])
    func settings(_ frame: String) throws {
        let json = frame.replacing("{}", with: #"{"input_size": [3, 96, 96], "mean": [0, 0, 0]}"#)
        let evaluation = try Configuration.Settings(json: Data(json.utf8), source: "settings.json").evaluation(over: .init())
        #expect(evaluation.height == 96 && evaluation.mean == [0, 0, 0] && evaluation.cropFraction == 0.875)
        let wrong = frame.replacing("{}", with: #"{"crop_fraction": 1, "crop_pcts": 1}"#)
        let error = #expect(throws: ModelError.self) {
            try Configuration.Settings(json: Data(wrong.utf8), source: "settings.json").evaluation(over: .init())
        }
        #expect(error?.description.contains("is 'crop_pct' meant?") == true)
    }

    @Test("settings name the classes, wherever a config.json may name them; too many or too few names are refused under the file's name")
    func settingsLabels() throws {
        func labels(_ json: String) throws -> [String]? {
            let settings = try Configuration.Settings(json: Data(json.utf8), source: "my.json")
            return try settings.labels(classes: 2)?.map { "\($0.name):\($0.description ?? "-")" }
        }
        #expect(try labels("{}") == nil)
        #expect(try labels(#"{"label_names": ["a", "b"], "label_descriptions": {"b": "bee"}}"#) == ["a:-", "b:bee"])
        #expect(try labels(#"{"pretrained_cfg": {"label_names": ["a", "b"]}, "label_names": ["c", "d"]}"#) == ["c:-", "d:-"])
        #expect(try labels(#"{"pretrained_cfg": {"labels": {"1": "b"}}}"#) == ["0:-", "b:-"])
        #expect(try labels(#"{"architecture": "seresnet18", "id2label": {"0": "a", "1": "b"}}"#) == ["a:-", "b:-"])
        for wrong in [#"{"label_names": ["a"]}"#, #"{"id2label": {"2": "c"}}"#] {
            let error = #expect(throws: ModelError.self) { try labels(wrong) }
            #expect(error?.description.contains("my.json: ") == true && error?.description.contains("config.json") == false)
        }
    }

    @Test("takes the input's channels from input_size, as timm does, where model_args says nothing of them")
    func inputChannels() throws {
        let configuration = try configuration(
            #"{"architecture": "seresnet18", "pretrained_cfg": {"input_size": [1, 64, 64], "mean": [0.5], "std": [0.5]}}"#)
        #expect(configuration.inputChannels == 1 && configuration.network.inputChannels == 1)
    }

    @Test("makes a network that can be written as JSON and read back")
    func networkAsData() throws {
        let network = try Configuration(architecture: "seresnext26t_32x4d").network
        #expect(try JSONDecoder().decode(Network.self, from: JSONEncoder().encode(network)) == network)
    }
}
